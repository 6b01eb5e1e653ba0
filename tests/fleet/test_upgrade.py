"""A fleet of the last released version is moved to this version under traffic, and no request fails."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.model import Color
from tests.fleet.running import ROOT, Alone, Fleet, separate
from tests.fleet.safety import words
from tests.fleet.switching import url_of
from tests.fleet.traffic import Traffic, ask, flawless, measured

LAST_RELEASED = "51b8537"
"""The commit of the last released version. After a version is released, this is the commit of that version."""

NODES = 2

CLONE = (
    f"these tests need the files of commit {LAST_RELEASED}, which is the last released version, from the history of "
    f"{ROOT}. If that directory is a shallow clone, run `git fetch --unshallow` there; if it is no clone, run these "
    "tests in a clone of the repository"
)


@dataclass(frozen=True)
class Version:
    """A version of the product, and the fleet and the balancer that it uses.

    + root: its source files
    + known: directory with the fleet.json that its inventory reads
    """

    root: Path
    known: Path
    fleet: Fleet
    balancer: str

    def run(self, verb: str, **data: str) -> str:
        """Run a deploy file of this version, assert that it succeeds, and return its output."""
        done = self.fleet.pyinfra(
            *words(verb, **data),
            root=self.root,
            PYTHONPATH=str(self.root),
            FLEET_DIR=str(self.known),
            SWITCH=self.balancer,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        return said

    def release(self, ref: str) -> str:
        """Release a version of the application. Return the id of the release."""
        self.run("release", ref=ref)
        return self.live()

    def live(self) -> str:
        """Return the release that answers through the balancer."""
        return ask(url_of(self.fleet, self.balancer)).headers["x-release"]


@pytest.fixture(scope="session")
def last_released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source files of the last released version. Without them the tests fail: nothing else shows the promise."""
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", LAST_RELEASED], capture_output=True)
    if packed.returncode:
        pytest.fail(f"{CLONE} (git: {packed.stderr.decode().strip()})", pytrace=False)
    root = tmp_path_factory.mktemp("last-released")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
        files.extractall(root, filter="data")
    imported = subprocess.run(
        [sys.executable, "-c", "import orchestrator; print(orchestrator.__file__)"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert Path(imported.stdout.strip()).is_relative_to(root), imported
    return root


@pytest.fixture
def fleet(alone: Alone, docker_compose_command: str, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet of the test's own, as it is before provisioning. The other tests use fleets of this version."""
    with separate(alone, tmp_path / "fleet", "orchupgrade", NODES) as made:
        yield made


def versions(fleet: Fleet, balancer: str, last_released: Path, directory: Path) -> tuple[Version, Version]:
    """Return the last released version and this version.

    The last released version knows the application's settings of its own time.
    """
    app = fleet.known["app"]
    settings = {"settings": str(last_released / "docker/app/settings.toml")}
    known = fleet.known | {"apps": {app: fleet.known["apps"][app] | settings}}
    directory.mkdir()
    (directory / "fleet.json").write_text(json.dumps(known))
    return Version(last_released, directory, fleet, balancer), Version(ROOT, fleet.dir, fleet, balancer)


def told(version: Version, live: Color, releases: dict[Color, str], history: Sequence[tuple[str, str]]) -> None:
    """Assert that status shows a healthy fleet.

    + live: the color that gets all the traffic
    + releases: color -> its release
    + history: verb and release of each run
    """
    lines = [" ".join(line.split()) for line in version.run("status").splitlines()]
    # the output of pyinfra comes before or after the lines of status
    lines = lines[lines.index(version.fleet.known["app"]) :]
    weight = {Color.blue: "blue 100% green 0%", Color.green: "blue 0% green 100%"}[live]
    colors = " ".join(f"{color} {releases[color]} (warm)" for color in Color)
    assert lines[1] == f"{version.balancer} {weight}"
    for line, node in zip(lines[2:], version.fleet.nodes, strict=False):
        assert line.startswith(f"{node['name']} live {live} {colors} "), lines
    assert lines[2 + NODES] == "lock free", lines
    runs = [line.split() for line in lines[3 + NODES :] if line.startswith("20") and " provision " not in line]
    assert [(verb, release) for _, verb, release, *_ in runs] == list(history), lines
    assert all("done" in run for run in runs), lines


@pytest.mark.slow
@pytest.mark.parametrize("balancer", ["haproxy", "nginx"])
def test_this_version_takes_over_from_the_last_released_one(
    fleet: Fleet, balancer: str, last_released: Path, tmp_path: Path
) -> None:
    last, this = versions(fleet, balancer, last_released, tmp_path / "known")
    last.run("provision")
    first, second = last.release("v1"), last.release("v2")
    live = Color(ask(url_of(fleet, balancer)).headers["x-color"])
    there = {live: second, live.other: first}
    runs = [("release", first), ("release", second)]

    with Traffic([url_of(fleet, balancer)], tmp_path / "samples", connections=16, rate=60.0) as traffic:
        print(this.run("provision"))
        assert this.live() == second
        told(this, live, there, runs)
        this.run("rollback")
        assert this.live() == first
        third = this.release("v2")
        report = traffic.stop()
    print(measured(report))
    flawless(report)
    assert set(report.totals.releases) == {first, second, third}
    assert third not in (first, second)
    told(this, live, there | {live: third}, [*runs, ("rollback", first), ("release", third)])
