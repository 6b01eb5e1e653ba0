from orchestrator.deploy import run

run("contract")
