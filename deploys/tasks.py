from orchestrator.deploy import run

run("tasks")
