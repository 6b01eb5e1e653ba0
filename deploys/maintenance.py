from orchestrator.deploy import run

run("maintenance")
