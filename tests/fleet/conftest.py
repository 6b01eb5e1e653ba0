"""One docker fleet for the tests of this folder. pytest-docker starts and ends it; docker/fleet.py does the rest.

A test gets the fleet as the tests before it left it: provisioned, with some release in each color. What a test needs
beyond that it asks for (`calm` in safety.py, `warm` in switching.py), and runs nothing if it is so already.
A module whose tests need the fleet provisioned in another way overrides the fixture `shape`.
After a test that failed, the next one gets a new fleet.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import fleet as tool
import fleet_tools
import pytest

from tests.fleet.pages import weigh
from tests.fleet.running import Alone, Fleet, Provisioning, Shape
from tests.fleet.safety import before, calm, tag
from tests.fleet.site import site, site_directory, site_shape
from tests.fleet.switching import only, runs, urls, warm

__all__ = ["before", "calm", "only", "runs", "site", "site_directory", "site_shape", "tag", "urls", "warm", "weigh"]
"""Fixtures of all tests of this folder."""


@pytest.fixture(scope="session")
def alone() -> Alone:
    return Alone(Path("/tmp/orchestrator-fleet-tests.lock"))


@pytest.fixture(scope="session")
def docker_compose_command() -> str:
    fleet_tools.ensure_tools()
    return " ".join(fleet_tools.compose())


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    return f"orchtest-{os.getpid()}"


@pytest.fixture(scope="session")
def prepared(
    alone: Alone,
    docker_compose_command: str,
    docker_compose_project_name: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tool.Fleet]:
    """The fleet's keys and compose file. If this process is killed, the next run removes the fleet."""
    directory = tmp_path_factory.mktemp("fleet")
    # two processes run tests: they must not build the same image or choose the same port or network at once
    alone.acquire()
    try:
        tool.sweep()
        yield tool.prepare(directory, 3, docker_compose_project_name, tool.process(os.getpid()))
    finally:
        alone.release()
    tool.down(directory, docker_compose_project_name)


@pytest.fixture(scope="session")
def docker_compose_file(prepared: tool.Fleet) -> str:
    return str(prepared.compose_file)


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    return ["up -d"]


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    return ["down -v -t 0"]


@pytest.fixture(scope="session")
def bare_fleet(request: pytest.FixtureRequest, alone: Alone, prepared: tool.Fleet) -> Fleet:
    """Three nodes, two balancers and the origin, as they are before provisioning."""
    try:
        request.getfixturevalue("docker_services")
        tool.finish(prepared)
    finally:
        # also if a server does not start: another process waits for this lock
        alone.release()
    known = json.loads((prepared.directory / "fleet.json").read_text())
    return Fleet(prepared.project, prepared.directory, known, tool.variables(prepared))


@pytest.fixture(scope="session")
def provisioning(prepared: tool.Fleet, bare_fleet: Fleet) -> Provisioning:
    return Provisioning(prepared, bare_fleet)


@pytest.fixture
def shape() -> Shape:
    """How the fleet must be provisioned for a test. Modules override this fixture."""
    return {}


FAILED = pytest.StashKey[bool]()
"""Set in the session after a test of this folder has failed, which may have left the fleet in any state."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.session.stash[FAILED] = True
    return report


@pytest.fixture
def fleet(request: pytest.FixtureRequest, bare_fleet: Fleet, provisioning: Provisioning, shape: Shape) -> Fleet:
    """The fleet, provisioned in the shape that the test needs."""
    if request.session.stash.get(FAILED, False):
        provisioning.start_again()
        request.session.stash[FAILED] = False
    provisioning.ensure(shape)
    return bare_fleet


@pytest.fixture
def broken(fleet: Fleet) -> Iterator[Callable[[str, str, str], None]]:
    """``broken(host, command, mend)`` breaks a server by a command; another command mends it after the test."""
    mends: list[tuple[str, str]] = []

    def break_it(host: str, command: str, mend: str) -> None:
        mends.append((host, mend))
        done = fleet.exec(host, command)
        assert done.returncode == 0, done.stderr

    yield break_it
    for host, mend in reversed(mends):
        done = fleet.exec(host, mend)
        assert done.returncode == 0, done.stderr
