from orchestrator.deploy import run

run("resume")
