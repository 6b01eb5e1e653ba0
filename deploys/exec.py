from orchestrator.deploy import run

run("exec")
