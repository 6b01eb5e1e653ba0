from orchestrator.deploy import run

run("unlock")
