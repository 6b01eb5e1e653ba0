"""The operator's process is killed at any point of a provisioning: nothing fails, and the next command settles it.

A point is a write to the journal, or a call of hosts.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.running import Fleet, Provisioning
from tests.fleet.safety import Calm, Run, Snapshot, copy_of_inventory, snapshot, words
from tests.fleet.test_crash_points import start
from tests.fleet.test_provision import files, settings

POINTS = 62
"""The number of points of a provisioning that reloads nginx on three nodes, one after another."""

CHANGED = settings("10.9.9.1")
"""Another trusted proxy: nginx of both colors reloads on every node. Another limit: PHP-FPM is restarted while idle."""


def dying(fleet: Fleet, at: int, file: Path, inventory: Path) -> tuple[int, str]:
    """Provision, and kill the process at a point. At 0, all points are only listed in the file.

    Returns the exit status and the output.
    """
    run = start([str(at), "SIGKILL", str(file), str(inventory), *words("provision")], fleet)
    output, _ = run.communicate(timeout=400)
    return run.wait(0), output


def nothing_is_left(fleet: Fleet) -> None:
    """Assert that no server has copies of former files, the mark of a drain, a bar, or another trace of a settling."""
    left = "ls -d /etc/orchestrator/shop/kept* /srv/shop/guard/drain /var/lib/orchestrator/shop/guard/drain 2>/dev/null"
    for server in fleet.servers:
        assert fleet.exec(server, left).stdout == "", server


@pytest.mark.slow
def test_the_points_of_a_provisioning_are_counted(calm: Calm, provisioning: Provisioning, tmp_path: Path) -> None:
    provisioning.became(None)
    status, output = dying(calm.fleet, 0, tmp_path / "points", copy_of_inventory(tmp_path, **CHANGED))
    assert status == 0, output
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
    status, output = dying(fleet, at, file, copy_of_inventory(tmp_path, **CHANGED))
    assert status == -9, output
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
