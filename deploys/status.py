from orchestrator.deploy import run

run("status")
