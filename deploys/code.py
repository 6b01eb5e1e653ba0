from orchestrator.deploy import run

run("code")
