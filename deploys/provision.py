from orchestrator.deploy import run

run("provision")
