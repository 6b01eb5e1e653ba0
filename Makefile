# make demo   the whole way on a docker fleet: v1, traffic, jobs, v2, back, v2 again (make demo-down leaves nothing behind)
# make unit   the tests that need no Docker, in a minute
# make test   what a change must pass, in a quarter of an hour; it installs what it needs, Docker included
# make test-all   every test: also the matrices, statistics and repetitions
# make bench  compares this tool with others, also with NODES=10, on a fleet of its own; it writes docs/benchmarks.md
# make bench-scale  measures how a release grows to 1,000 nodes, without servers; it writes docs/benchmarks-scale.md
# make fleet  a provisioned fleet to try things on; its addresses are in .fleet/env (make fleet-down ends it)
# make fleet APP=none   the same fleet, but nothing is provisioned
# make fleet SUITES="bookworm trixie bullseye"   the servers get these releases of Debian in turn

NODES ?= 3
SUITES ?= bookworm
# rounds of make bench, and where it writes its page
ROUNDS ?= 7
TO ?= docs
FLEET_DIR ?= .fleet
VENV := .venv
PY := $(VENV)/bin/python
# no fleet belongs to a test of these, and a third process uses the time that two of them wait
QUICK := -n 3 --dist worksteal
# two processes run the fleet tests of `make test`, and a third one tests without a fleet; in `make test-all`, each process
# runs both (tests/conftest.py)
SHARED := -n 3 --dist loadgroup --no-loadscope-reorder
SLOWEST := --durations=10
READY := $(VENV)/.installed
# pytest compiles each test file once, while the tools are installed: otherwise three processes would do it at once
PREPARE = { $(PY) -m pytest --collect-only -qq >/dev/null 2>&1 & } && $(PY) docker/fleet.py tools; tools=$$?; wait; exit $$tools
# tests write many small files: in memory, if programs may be executed there
TMPDIR ?= $(shell sh docker/tmpdir.sh)
export FLEET_DIR NODES TMPDIR
# the tests start hundreds of Python processes: each of them would compile every module anew without the cached bytecode
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv unit test test-all bench bench-scale bench-warm lint fleet fleet-down demo demo-down clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

venv: $(READY)

$(READY): requirements.lock pyproject.toml docker/venv.sh
	@sh docker/venv.sh $(VENV)

unit: $(READY)
	$(PY) -m pytest tests --ignore tests/fleet $(QUICK) $(SLOWEST) -q -m "not exhaustive and not slow"

test: $(READY)
	@$(PREPARE)
	$(PY) -m pytest $(SHARED) $(SLOWEST) -m "not slow"

test-all: $(READY)
	@$(PREPARE)
	$(PY) -m pytest $(SHARED) $(SLOWEST)

bench: $(READY)
	@$(PY) docker/bench.py --nodes $(NODES) --rounds $(ROUNDS) --to $(TO)

bench-scale: $(READY)
	@$(PY) docker/bench_scale.py --to $(TO)

bench-warm: $(READY)
	@$(PY) docker/bench_warm.py --svg $(FLEET_DIR)/warming.svg

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports --no-cache --no-logo
	$(VENV)/bin/mypy
	$(PY) -m tests.shell

fleet: $(READY)
	@$(PY) docker/fleet.py up --dir $(FLEET_DIR) --nodes $(NODES) --suites "$(SUITES)"
	@[ "$(APP)" = none ] || $(VENV)/bin/pyinfra inventory/fleet.py deploys/provision.py -y

fleet-down: $(READY)
	@$(PY) docker/fleet.py down --dir $(FLEET_DIR)

demo: $(READY)
	@$(PY) docker/demo.py

demo-down: $(READY)
	@$(PY) docker/fleet.py down --dir $(FLEET_DIR) --images

clean: fleet-down
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
