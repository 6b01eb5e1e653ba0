from orchestrator.deploy import run

run("join")
