"""The operator's process is killed at any point of a provisioning: nothing fails, and the next command settles it.

A point is a write to the journal, or a call of hosts.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet.running import ROOT, Fleet, Provisioning
from tests.fleet.safety import Calm, Run, Snapshot, copy_of_inventory, snapshot, words
from tests.fleet.test_crash_points import DYING
from tests.fleet.test_provision import files, settings

POINTS = 62
"""The number of points of a provisioning that reloads nginx on three nodes, one after another."""

CHANGED = settings("10.9.9.1")
"""Another trusted proxy: nginx of both colors reloads on every node. Another limit: PHP-FPM is restarted while idle."""


def dying(fleet: Fleet, at: int, file: Path, inventory: Path) -> subprocess.CompletedProcess[str]:
    """Provision, and kill the process at a point. At 0, all points are only listed in the file."""
    command = [sys.executable, str(DYING), str(at), "SIGKILL", str(file), str(inventory), *words("provision")]
    return subprocess.run(
        command, cwd=ROOT, env=fleet.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400
    )


def nothing_is_left(fleet: Fleet) -> None:
    """Assert that no server has copies of former files, the mark of a drain, a bar, or another trace of a settling."""
    left = "ls -d /etc/orchestrator/shop/kept* /srv/shop/guard/drain /var/lib/orchestrator/shop/guard/drain 2>/dev/null"
    for server in fleet.servers:
        assert fleet.exec(server, left).stdout == "", server


@pytest.mark.slow
def test_the_points_of_a_provisioning_are_counted(calm: Calm, provisioning: Provisioning, tmp_path: Path) -> None:
    provisioning.became(None)
    done = dying(calm.fleet, 0, tmp_path / "points", copy_of_inventory(tmp_path, **CHANGED))
    assert done.returncode == 0, done.stdout
    points = (tmp_path / "points").read_text().splitlines()
    assert len(points) == POINTS, "\n".join(points)
    calm.no_request_failed()


@pytest.mark.slow
@pytest.mark.parametrize("at", range(1, POINTS + 1))
def test_a_killed_provisioning_is_settled(
    fleet: Fleet, before: Snapshot, calm: Calm, provisioning: Provisioning, tmp_path: Path, at: int
) -> None:
    provisioning.ensure({})
    there, seen = files(fleet), snapshot(fleet).said
    file = tmp_path / "point"
    killed = dying(fleet, at, file, copy_of_inventory(tmp_path, **CHANGED))
    assert killed.returncode == -9, killed.stdout
    point = file.read_text()
    freed = fleet.pyinfra(*words("unlock"))
    assert freed.returncode == 0, freed.stderr

    # the next command has the former settings
    back = Run(fleet, *words("provision"))
    assert back.end(400) == 0, f"killed {point}: {back.text}"
    assert same(files(fleet), there), f"killed {point}: {back.text}"
    assert snapshot(fleet).said == seen, point
    nothing_is_left(fleet)
    release = Run(fleet, *words("release", ref="v1"))
    assert release.end(200) == 0, f"killed {point}: {release.text}"
    calm.no_request_failed()


def same(now: dict[str, str], before: dict[str, str]) -> bool:
    """Whether all files have the paths, modes, owners and links of before. The list of barred nodes may be new."""

    def known(text: str) -> list[list[str]]:
        return [
            [words[0], *words[1:4], *words[5:]]
            for line in text.splitlines()
            if (words := line.split()) and "/nodes.barred " not in line
        ]

    return {server: known(text) for server, text in now.items()} == {
        server: known(text) for server, text in before.items()
    }
