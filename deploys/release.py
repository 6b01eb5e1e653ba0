from orchestrator.deploy import run

run("release")
