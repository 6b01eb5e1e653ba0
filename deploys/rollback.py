from orchestrator.deploy import run

run("rollback")
