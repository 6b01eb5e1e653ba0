"""Two regions of one application: each has its own inventory, runner, lock and journal."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.probe.process import ProbeProcess
from tests.fleet.running import PYINFRA, ROOT, Alone, Fleet, separate
from tests.fleet.traffic import ask

pytestmark = pytest.mark.slow

REGIONS = {"eu": ("haproxy", "node2", "nginx"), "us": ("nginx", "node1", "haproxy")}
"""Region -> its balancer, the node that it leaves out, and the balancer that it leaves out."""


class Regions:
    """The inventories of two regions, and the commands of their runners."""

    def __init__(self, fleet: Fleet, directory: Path) -> None:
        self.fleet, self.directory, self.fault = fleet, directory, directory / "fault"
        self.urls = {"eu": fleet.haproxy_url, "us": fleet.nginx_url}
        (directory / "inventory").mkdir()
        (directory / "deploys").symlink_to(ROOT / "deploys")
        text = (ROOT / "inventory/fleet.py").read_text()
        for region, (balancer, other_node, other_balancer) in REGIONS.items():
            hook = {"before": "cutover", "on": "operator", "run": f"test ! -e {self.fault}-{region}"}
            words = {"WITHOUT": other_node, "SWITCH": balancer, "FLEET_DIR": str(fleet.dir)}
            (directory / f"inventory/{region}.py").write_text(
                f"import os\n\nos.environ.update({words!r})\n{text}\n"
                f"_settings['hooks'] = [{hook!r}]\n{other_balancer} = []\n"
            )
        page = (ROOT / "docs/regions.md").read_text()
        (script,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
        (directory / "regions.sh").write_text(script)

    def run(self, *words: str, status: int = 0) -> str:
        """Run a command in the directory of the inventories. Return its output."""
        done = subprocess.run(
            words,
            cwd=self.directory,
            env={**os.environ, "PATH": f"{PYINFRA.parent}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def version(self, region: str) -> str:
        """The version that the region's balancer sends."""
        return str(json.loads(ask(self.urls[region]).text)["version"])

    @property
    def versions(self) -> dict[str, str]:
        return {region: self.version(region) for region in REGIONS}


@pytest.fixture(scope="module")
def regions(alone: Alone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    directory = tmp_path_factory.mktemp("regions")
    with separate(alone, directory / "fleet", "orchregions", 2) as fleet:
        found = Regions(fleet, directory)
        for region in REGIONS:
            found.run("orchestrator", "provision", f"inventory/{region}.py", "-y")
        found.run("sh", "regions.sh", "v1", *REGIONS)
        yield found


def test_regions_are_released_in_order_or_not_at_all(regions: Regions) -> None:
    assert regions.versions == dict.fromkeys(REGIONS, "v1")
    with ProbeProcess(list(regions.urls.values()), rate=20, require_marker=True) as probe:
        output = regions.run("sh", "regions.sh", "v2", *REGIONS)
        assert output.count(" has all the traffic") == 2
        assert regions.versions == dict.fromkeys(REGIONS, "v2")
        Path(f"{regions.fault}-us").touch()
        output = regions.run("sh", "regions.sh", "v1", *REGIONS, status=1)
        assert "the release failed in us" in output
        assert regions.versions == dict.fromkeys(REGIONS, "v2")
        Path(f"{regions.fault}-us").unlink()
        report = probe.stop()
    assert (report.totals.failed, report.unfinished) == (0, 0), report.totals.examples


def test_two_runners_release_at_the_same_time(regions: Regions) -> None:
    before = regions.versions
    after = {"v1": "v2", "v2": "v1"}[before["eu"]]
    with (
        ProbeProcess(list(regions.urls.values()), rate=20, require_marker=True) as probe,
        ThreadPoolExecutor() as runners,
    ):
        commands = [
            ("orchestrator", "release", f"inventory/{region}.py", "--data", f"ref={after}", "-y") for region in REGIONS
        ]
        outputs = list(runners.map(lambda words: regions.run(*words), commands))
        report = probe.stop()
    assert (report.totals.failed, report.unfinished) == (0, 0), report.totals.examples
    assert regions.versions == dict.fromkeys(REGIONS, after)
    for region, output in zip(REGIONS, outputs, strict=True):
        balancer, other_node, other_balancer = REGIONS[region]
        assert balancer in output
        assert other_node not in output
        assert other_balancer not in output


def test_a_region_knows_only_its_own_servers(regions: Regions) -> None:
    for region, (balancer, other_node, other_balancer) in REGIONS.items():
        status = regions.run("orchestrator", "status", f"inventory/{region}.py", "-y")
        assert balancer in status
        assert other_node not in status
        assert other_balancer not in status
