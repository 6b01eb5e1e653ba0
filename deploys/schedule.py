from orchestrator.deploy import run

run("schedule")
