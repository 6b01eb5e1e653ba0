from orchestrator.deploy import run

run("promote")
