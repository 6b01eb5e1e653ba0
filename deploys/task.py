from orchestrator.deploy import run

run("task")
