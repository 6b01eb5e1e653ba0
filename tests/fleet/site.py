"""The sample application with an environment, a build and a directory that the web user may write."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.running import PYINFRA, ROOT, Fleet, Shape

SECRETS = {"APP_KEY": "planted-in-values-7", "DB_PASSWORD": "planted by a command 7", "MAIL_KEY": "planted-in-file-7"}
TOKENS = {"marker": "planted-marker-token-7", "preview": "planted-preview-token-7"}


def settings(
    directory: Path, url: str = "one", then: str = "true", web: str = "", deadline: int = 60
) -> dict[str, Any]:
    """The settings of a run beside the fleet's own.

    + directory: has the operator's files
    + then: a command that ends the build step of the deploy user
    + web: the build step of the web user; no step if the text is empty
    + deadline: seconds that the build step of the web user may take
    """
    return {
        "marker": {"answers": "all", "token": TOKENS["marker"]},
        "preview": {"token": TOKENS["preview"], "port": 8090},
        "environment": {
            "file": str(directory / "production.env"),
            "keys": ["MAIL_KEY"],
            "commands": {"DB_PASSWORD": f"cat {directory / 'password'}"},
            "values": {"APP_KEY": SECRETS["APP_KEY"], "APP_URL": f"https://{url}.example.com"},
        },
        "build": [
            {"name": "tell", "run": f"cat .env; {then}"},
            *([{"name": "web", "run": web, "user": "web", "deadline": deadline}] if web else []),
        ],
        "permissions": {"writable": ["cache"]},
    }


class Site:
    """Runs of the product with these settings."""

    def __init__(self, fleet: Fleet, directory: Path) -> None:
        self.fleet = fleet
        self.directory = directory
        self.said = ""

    def run(
        self,
        verb: str,
        *data: str,
        url: str = "one",
        then: str = "true",
        web: str = "",
        deadline: int = 60,
        **more: Any,
    ) -> int:
        """Run a deploy file with all its output, which is kept. Returns the exit status."""
        words = [word for one in data for word in ("--data", one)]
        changed = json.dumps(settings(self.directory, url, then, web, deadline) | more)
        done = self.fleet.pyinfra(f"deploys/{verb}.py", "-y", "-vvv", *words, SETTINGS=changed)
        self.said += done.stdout + done.stderr
        return done.returncode

    def start(self, verb: str, *data: str, web: str, **more: Any) -> subprocess.Popen[str]:
        """Start a deploy file, and return its process."""
        words = [word for one in data for word in ("--data", one)]
        return subprocess.Popen(
            [str(PYINFRA), "inventory/fleet.py", f"deploys/{verb}.py", "-y", *words],
            cwd=ROOT,
            env=self.fleet.env | {"SETTINGS": json.dumps(settings(self.directory, web=web) | more)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def node(self, command: str, user: str = "root") -> list[str]:
        """Run a command on each node. Returns what each prints."""
        return [self.fleet.ssh(node["name"], command, user).stdout.strip() for node in self.fleet.nodes]


@pytest.fixture(scope="session")
def site_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the operator's files."""
    made = tmp_path_factory.mktemp("site")
    (made / "production.env").write_text(f"MAIL_KEY={SECRETS['MAIL_KEY']}\nNOT_MEANT=operators-own-7\n")
    (made / "password").write_text(SECRETS["DB_PASSWORD"] + "\n")
    return made


@pytest.fixture
def site_shape(site_directory: Path) -> Shape:
    """The fixture `shape` of the modules that use `site`."""
    return {"SETTINGS": json.dumps(settings(site_directory))}


@pytest.fixture
def site(fleet: Fleet, site_directory: Path) -> Site:
    return Site(fleet, site_directory)
