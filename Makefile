# make demo   the whole way on a docker fleet: v1, traffic, v2, back, v2 again (make demo-down leaves nothing behind)
# make test   what it needs and every test but the slow ones; make unit needs no Docker
# make fleet  a provisioned fleet to try things on; its addresses are in .fleet/env (make fleet-down ends it)

NODES ?= 3
FLEET_DIR ?= .fleet
VENV := .venv
PY := $(VENV)/bin/python
# two processes, a file of tests each: most of their time they wait for servers
TWO := -n 2 --dist loadfile
# no fleet belongs to a file of these, and a third process uses the time that two of them wait
QUICK := -n 3 --dist worksteal
READY := $(VENV)/.installed
export FLEET_DIR NODES

.DEFAULT_GOAL := help
.PHONY: help venv unit test test-all bench bench-warm lint fleet fleet-down demo demo-down clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

venv: $(READY)

$(READY): requirements.lock pyproject.toml docker/venv.sh
	@sh docker/venv.sh $(VENV)

unit: $(READY)
	$(PY) -m pytest tests --ignore tests/fleet $(QUICK) -q -m "not exhaustive and not slow"

test: $(READY)
	$(PY) -m pytest $(TWO) -m "not slow"

test-all: $(READY)
	$(PY) -m pytest $(TWO)

bench: $(READY)
	@$(PY) docker/bench.py

bench-warm: $(READY)
	@$(PY) docker/bench_warm.py --svg $(FLEET_DIR)/warming.svg

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports --no-cache --no-logo
	$(VENV)/bin/mypy
	$(PY) -m tests.shell

fleet: $(READY)
	@$(PY) docker/fleet.py up --dir $(FLEET_DIR) --nodes $(NODES)
	$(VENV)/bin/pyinfra inventory/fleet.py deploys/provision.py -y

fleet-down: $(READY)
	@$(PY) docker/fleet.py down --dir $(FLEET_DIR)

demo: $(READY)
	@$(PY) docker/demo.py

demo-down: $(READY)
	@$(PY) docker/fleet.py down --dir $(FLEET_DIR) --images

clean: fleet-down
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
