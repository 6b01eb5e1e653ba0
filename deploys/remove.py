from orchestrator.deploy import run

run("remove")
