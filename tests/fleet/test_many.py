"""Two hundred releases in a row: files, processes and memory do not grow."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.running import Fleet, Shape
from tests.fleet.site import Site
from tests.fleet.traffic import Traffic, flawless

pytestmark = pytest.mark.slow

RELEASES = int(os.environ.get("MANY", "200"))
SETTLED = 25
"""The number of releases after which caches are filled and logs and journals rotate or are small."""

# what is counted on a server; `sync`, so that what was removed is gone. What is shared is the users' own: the last
# release's traffic uploads files
COUNT = """
sync
cd /
for dir in srv/shop srv/shop/* tmp run var/lib/orchestrator var/tmp home etc; do
    [ -d $dir ] && [ $dir != srv/shop/shared ] || continue
    not="-path run/log -prune -o -path */journal/runs -prune -o -path srv/shop/shared -prune -o"
    echo "inodes_$dir=$(set -f; find $dir -xdev $not -print 2>/dev/null | wc -l)"
    echo "kib_$dir=$(du -skx --exclude=run/log --exclude=runs --exclude=srv/shop/shared $dir 2>/dev/null | cut -f1)"
done
echo "processes=$(ls -d /proc/[0-9]* | wc -l)"
echo "fpm=$(cat /proc/[0-9]*/comm | grep -c php-fpm)"
echo "open_files=$(ls /proc/[0-9]*/fd 2>/dev/null | wc -l)"
echo "listening=$(ss -lxtH | wc -l)"
echo "socket_files=$(find srv run tmp -type s 2>/dev/null | wc -l)"
echo "units=$(systemctl list-units --all --no-legend | wc -l)"
echo "mounts=$(wc -l </proc/mounts)"
"""

MORE = {"inodes": 60, "kib": 3000, "open": 60, "listening": 2, "units": 2, "processes": 8}
"""Allowed differences between two counts; 0 for all others. tests/journal checks the journals of runs."""


@pytest.fixture
def shape(site_shape: Shape) -> Shape:
    return site_shape


def counted(fleet: Fleet, temporary: Path) -> dict[str, int]:
    """Return what is on each server and in the directory of the operator's temporary files: name -> number."""
    found: dict[str, int] = {}
    for host in (*(node["name"] for node in fleet.nodes), "haproxy", "nginx"):
        done = fleet.exec(host, COUNT)
        assert done.returncode == 0, done.stderr
        found |= {f"{host} {key}": int(n) for key, n in (line.split("=") for line in done.stdout.splitlines())}
    found["operator temporary files"] = len(list(temporary.iterdir()))
    return found


def test_nothing_grows_over_many_releases(
    site: Site, tag: Callable[[str, Callable[[Path], None]], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = site.fleet
    # the other tests and their killed commands use the common directory
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    step = {"name": "vendor", "run": "mkdir -p vendor; cp app/*.php vendor/", "inputs": ["app"], "outputs": ["vendor"]}
    quick: dict[str, Any] = {"gate": {"interval": 0.05}, "probe": {"after": 0.2}, "keep": 3, "build": [step]}
    counts: list[dict[str, int]] = []
    for number in range(1, RELEASES + 1):
        # every fifth release's outputs are made anew
        tag("many", news("app/News.php" if number % 5 == 0 else "NEWS", number))
        if number < RELEASES:
            assert site.run("release", "ref=many", **quick) == 0, site.said
        else:
            with Traffic([fleet.haproxy_url, fleet.nginx_url], tmp_path / "samples") as traffic:
                assert site.run("release", "ref=many", **quick) == 0, site.said
                flawless(traffic.stop())
        site.said = ""
        if number in (SETTLED, RELEASES):
            counts.append(counted(fleet, temporary))
    before, after = counts
    print(json.dumps({key: (before[key], after[key]) for key in before if before[key] != after[key]}, indent=1))
    grown = {key: (before[key], after[key]) for key in before if after[key] - before[key] > allowed(key)}
    assert grown == {}


def allowed(key: str) -> int:
    """``node1 inodes_srv/shop``: what is counted stands before the place."""
    return MORE.get(key.split()[1].split("_")[0], 0)


def news(place: str, number: int) -> Callable[[Path], None]:
    """A version that differs from the one before."""

    def edit(folder: Path) -> None:
        (folder / place).write_text(f"<?php // {number}\n")

    return edit
