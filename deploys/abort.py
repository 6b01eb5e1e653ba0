from orchestrator.deploy import run

run("abort")
