"""inventory/aws.py, read by pyinfra itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.config import load
from orchestrator.config.identity import name_of
from orchestrator.config.scaling import Scaling
from orchestrator.config.switch import AlbSwitch
from tests.aws.cloud import REGION, Cloud, environment_of

pytestmark = pytest.mark.exhaustive

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def served(server: str) -> Cloud:
    """A fleet of two nodes, in a moto server."""
    return Cloud(server, size=2)


@pytest.fixture
def place(tmp_path: Path, server: str, served: Cloud) -> Path:
    """A directory with the repository's inventory and a .env."""
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "deploys", tmp_path / "deploys", ignore=shutil.ignore_patterns("__pycache__"))
    values = {"AWS_ENDPOINT_URL": server, **environment_of(served)}
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return tmp_path


def pyinfra(
    place: Path, *arguments: str, inventory: str = "inventory/aws.py", **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("pyinfra")), inventory, *arguments]
    return subprocess.run(
        command,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_pyinfra_has_the_fleet_and_its_settings(place: Path, served: Cloud) -> None:
    done = pyinfra(place, "debug-inventory", "--json")
    assert done.returncode == 0, done.stderr
    hosts = {host["name"]: host for host in json.loads(done.stdout)}
    assert list(hosts) == served.ids
    for id, host in hosts.items():
        address = served.address(id)
        assert {"nodes", "aws"} <= set(host["groups"])
        assert {key: host["data"][key] for key in ("ssh_hostname", "address", "target")} == {
            "ssh_hostname": address,
            "address": address,
            "target": id,
        }
    settings = load(hosts[served.ids[0]]["data"]["settings"])
    assert isinstance(settings.switches[0], AlbSwitch)
    assert settings.switches[0].green == served.arns["green"]
    assert settings.switches[0].region == REGION
    assert settings.journal.bucket == "deploys"
    assert settings.scaling == Scaling(
        group=served.GROUP, live="s3://deploys/shop/prod/live.json", hook="catch-up", region=REGION
    )


def test_an_instance_of_an_image_belongs_to_the_inventory(place: Path) -> None:
    # the section of the page that explains how to make an image
    page = (ROOT / "docs/aws-instances.md").read_text().partition("## New instances")[2]
    indented = re.findall(r"^ {7}(.*)$", page, re.MULTILINE)
    file = place / re.findall(r"into the file\s+`(\S+)`", page)[0]
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(line for line in indented if not line.startswith("pyinfra ")))
    _, inventory, verb, *options = next(line.split() for line in indented if line.startswith("pyinfra "))
    assert verb == "deploys/provision.py"

    seen = {}
    for name, more in (("inventory/aws.py", []), (inventory, [option for option in options if option != "--sudo"])):
        done = pyinfra(place, "debug-inventory", "--json", *more, inventory=name)
        assert done.returncode == 0, done.stderr
        hosts = {host["name"]: host for host in json.loads(done.stdout)}
        groups = {group: [one for one in hosts if group in hosts[one]["groups"]] for group in ("nodes", "aws", "image")}
        seen[name] = name_of(groups, list(hosts)), next(iter(hosts.values()))["data"]["settings"]
    assert seen["inventory/aws.py"][0] == "aws"
    assert seen[inventory] == seen["inventory/aws.py"]


def test_differences_end_the_command_with_a_line_each(place: Path, served: Cloud) -> None:
    first = served.ids[0]
    served.deregister(first, "blue")
    try:
        done = pyinfra(place, "deploys/release.py", "-y")
    finally:
        served.register(first, "blue")
    assert done.returncode == 3
    assert f"nothing was changed:\n    {first} is a target of shop-green, but not of shop-blue" in done.stderr
    assert "Traceback" not in done.stderr


def test_tls_works_under_pyinfra(place: Path) -> None:
    # boto3 imported before gevent patches the standard library: RecursionError instead of this
    done = pyinfra(place, "debug-inventory", AWS_ENDPOINT_URL="https://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    assert done.returncode == 1
    assert 'Could not connect to the endpoint URL: "https://127.0.0.1:9/"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_variable_that_is_not_set_is_named(place: Path) -> None:
    done = pyinfra(place, "debug-inventory", ORCHESTRATOR_BLUE="")
    assert done.returncode == 2
    assert "ORCHESTRATOR_BLUE is not set: add ORCHESTRATOR_BLUE to .env" in done.stderr
