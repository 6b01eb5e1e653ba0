"""Random valid changes of the settings of two applications that serve on the same servers: no request fails."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from orchestrator.probe.process import ProbeProcess
from tests.fleet.running import Fleet, Provisioning
from tests.fleet.safety import words
from tests.fleet.switching import BALANCERS, until
from tests.fleet.traffic import ask, measured

SEED = 20261129
"""The changes are a function of this number. The test prints them: a failure can be repeated."""

PROVISIONINGS = 20

CHANGES = 4
"""How many settings each provisioning changes."""

EVERY = 3
"""After so many provisionings of an application, and at the end, it is released with its present settings."""

REQUESTS = 50_000
RATE = 50.0
"""Requests a second to each application."""

SHOP, ANNEX = "shop", "annex"

PORTS: Mapping[str, Mapping[str, int]] = {
    SHOP: {"live": 8080, "blue": 8081, "green": 8082, "http": 80, "https": 443, "preview": 8090, "service": 9101},
    ANNEX: {"live": 8170, "blue": 8171, "green": 8172, "http": 8000, "https": 8543, "preview": 8190, "service": 9201},
}
"""The ports of each application. The service has this port in blue, and the next one in green."""

PUBLISHED = {SHOP: "http", ANNEX: "second"}
"""Which published port of the balancers has the traffic of an application."""

WS = {"name": "ws", "command": "bin/ws", "path": "/ws"}

Choices = Mapping[str, list[Any]]
"""Name of a setting with its sections -> its valid values. None: the setting is left out."""


def basic(fleet: Fleet, name: str) -> dict[str, Any]:
    """The settings of an application before the first change."""
    ports = PORTS[name]

    def switch(kind: str) -> dict[str, Any]:
        known = fleet.known["balancers"][kind][0]
        return {
            "kind": kind,
            "group": kind,
            "urls": [f"http://127.0.0.1:{fleet.port(kind, PUBLISHED[name])}"],
            "listen": ports["http"],
            "tls": {
                "listen": ports["https"],
                "certificate": known["certificate"],
                "key": known["certificate_key"],
            },
        }

    return {
        "app": name,
        "switches": {kind: switch(kind) for kind in BALANCERS},
        "ports": {color: ports[color] for color in ("live", "blue", "green")},
        "authorized_keys": [fleet.known["key"] + ".pub"],
        "marker": {"answers": "all", "token": fleet.known["token"]},
        "preview": {"token": fleet.known["preview"], "port": ports["preview"]},
        "php": {"workers": 12, "ini": {"opcache.memory_consumption": "64"}},
        "source": {
            "origin": fleet.known["apps"][SHOP]["origin"],
            "ref": "main",
            "known_hosts": fleet.known["origin"]["known_hosts"],
            "key": fleet.known["origin"]["key"],
        },
        "services": [WS],
        "shared": {"directories": ["storage"]},
        "assets": ["build"],
        "web": {},
        "gate": {},
    }


def choices(fleet: Fleet, name: str, folder: Path) -> Choices:
    """The settings that the test changes, with their values. The first value is the one before the first change.

    + folder: for more files of the operator
    """
    token, ports = fleet.known["token"], PORTS[name]
    key, hosts = fleet.known["origin"]["key"], fleet.known["origin"]["known_hosts"]
    operator = fleet.known["key"] + ".pub"
    preview, at = fleet.known["preview"], ports["preview"]
    http: dict[str, Any] = {"name": "http", "command": "php -S 127.0.0.1:$PORT public/index.php", "path": "/http"}
    http["ports"] = {"blue": ports["service"], "green": ports["service"] + 1}
    second = {"name": "second", "command": "bin/ws", "path": "/second"}
    # --- applied by provisioning
    found: dict[str, list[Any]] = {
        "first_color": [None, "green"],
        "authorized_keys": [[operator], [operator, f"{key}.pub"]],
        "php.idle_workers": [None, 2, 4],
        "php.sessions": [None, "php"],
        "soak": [None, "30m", "2h"],
        "services": [[WS], [WS, second], [WS, http], [second, WS, http], []],
        "stream_limit": [None, "10m", "2h"],
        "web.trusted_proxies": [None, ["balancers", "192.0.2.7"], ["balancers", "198.51.100.0/24"]],
        "web.max_body": [None, "8m", "0"],
        "shared.directories": [["storage"], ["storage", "files"], ["storage", "var/files"]],
        "environment": [
            None,
            {"values": {"COLOUR": "red"}},
            {"path": "app/.env.local", "values": {"COLOUR": "red"}},
            {"owner": "deploy", "values": {"COLOUR": "blue"}},
        ],
        "permissions": [
            None,
            {"group": f"{name}-web"},
            {"group": f"{name}-web", "files": "640", "directories": "750"},
            {"writable": ["cache"], "private": ["app/Damage.php"]},
        ],
        "marker": [
            {"answers": "all", "token": token},
            {"answers": "probe", "token": token},
            {"answers": "all", "token": f"{token}-of-{name}"},
            {"answers": "all"},
        ],
        "preview": [
            {"token": preview, "port": at},
            {"token": preview},
            {"token": preview, "port": at + 1, "bind": "127.0.0.2"},
            {"token": preview, "port": at, "header": "X-Look", "cookie": "look"},
            {"token": f"{preview}-of-{name}"},
            {},
        ],
        "source.key": [key, copied(key, folder / "another_key")],
        "source.known_hosts": [hosts, copied(hosts, folder / "another_known_hosts")],
        "ports.live": [ports["live"], ports["live"] + 5],
    }
    for kind in BALANCERS:
        tls = basic(fleet, name)["switches"][kind]["tls"]
        found |= {
            f"switches.{kind}.tls": [tls, tls | {"http2": False}, tls | {"listen": ports["https"] + 1}, None],
            f"switches.{kind}.sticky": [None, {"cookie": "SRV"}, {"cookie": "NODE"}],
            f"switches.{kind}.record_mb": [None, 8, 32],
        }
    found["switches.*.split"] = [None, "client"]
    found["switches.haproxy.log"] = [None, "/dev/log local1", "127.0.0.1:514 local0"]
    found["switches.nginx.access_log"] = [None, "off", "/var/log/nginx/other.log"]
    # --- applied by the next release
    found |= {
        "php.ini": [{"opcache.memory_consumption": "64"}, {"opcache.memory_consumption": "80", "user_agent": "other"}],
        "php.workers": [12, 10, 14],
        "web.headers": [None, {"X-Kind": "other"}],
        "gate.successes": [None, 4],
        "batches": [None, [1, "100%"]],
        "drain.limit": [None, "60s"],
    }
    return found


def copied(path: str, to: Path) -> str:
    if not to.exists():
        shutil.copy(path, to)
    return str(to)


class Application:
    """One of the two applications, with its present settings.

    + deck: the settings that are changed next, in a random order: none comes again before all others were changed
    + live: the release that has the traffic
    + waiting: how many provisionings there were since the last release
    """

    def __init__(self, fleet: Fleet, name: str, folder: Path, chance: random.Random) -> None:
        folder.mkdir()
        self.fleet, self.name, self.chance = fleet, name, chance
        self.settings = basic(fleet, name)
        self.choices = choices(fleet, name, folder)
        self.deck: list[str] = []
        self.live = ""
        self.waiting = 0

    @property
    def urls(self) -> list[str]:
        return [self.settings["switches"][kind]["urls"][0] for kind in BALANCERS]

    def change(self) -> str:
        """Change one setting to another of its values. Returns the change in words."""
        if not self.deck:
            self.deck = sorted(self.choices)
            self.chance.shuffle(self.deck)
        setting = self.deck.pop()
        value = self.chance.choice([one for one in self.choices[setting] if one != self._value(setting)])
        self._set(setting, value)
        return f"{setting} = {json.dumps(value)}"

    def _places(self, setting: str) -> tuple[list[dict[str, Any]], str]:
        """The dictionaries that have a setting, and its key there."""
        *sections, key = setting.split(".")
        places = [self.settings]
        for section in sections:
            if section == "*":
                places = [inner for place in places for inner in place.values()]
            else:
                places = [place.setdefault(section, {}) for place in places]
        return places, key

    def _value(self, setting: str) -> Any:
        places, key = self._places(setting)
        return places[0].get(key)

    def _set(self, setting: str, value: Any) -> None:
        places, key = self._places(setting)
        for place in places:
            place.pop(key, None)
            if value is not None:
                place[key] = deepcopy(value)

    def do(self, verb: str, **data: str) -> str:
        """Run a command with the present settings, which must succeed. Returns what it printed."""
        settings = self.settings | {"switches": [*self.settings["switches"].values()]}
        environment = {"SETTINGS": json.dumps(settings)}
        done = self.fleet.pyinfra(*words(verb, **data), environment=environment, timeout=900)
        assert done.returncode == 0, f"{self.name}: {verb} failed:\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def release(self, ref: str) -> None:
        """Release a version, so that the present settings come alive."""
        said = self.do("release", ref=ref)
        found = re.search(r"done: (\S+) \((?:blue|green)\) has all the traffic", said)
        assert found, said
        self.live = found[1]
        self.waiting = 0

    def is_well(self) -> None:
        """Assert that all answers are of the last release, and that the status shows nothing that is left to do."""
        for url in self.urls:
            answers = [ask(url) for _ in range(2 * len(self.fleet.nodes))]
            assert {answer.body.get("release") for answer in answers} == {self.live}, f"{self.name}: {url}"
        said = self.do("status")
        lines = said[said.index(f"{self.name}\n") :].splitlines()
        assert not [line for line in lines if re.match(r"  [A-Z]{4}", line) or "unknown state" in line], said
        assert [line for line in lines if re.match(r"  lock +free", line)], said


@pytest.fixture
def applications(fleet: Fleet, provisioning: Provisioning, tmp_path: Path) -> Iterator[list[Application]]:
    """Both applications, with two releases each. Afterwards all servers are replaced by new ones."""
    provisioning.became(None)
    chance = random.Random(SEED)
    found = [Application(fleet, name, tmp_path / name, chance) for name in (SHOP, ANNEX)]
    for application in found:
        application.do("provision")
        for ref in ("v1", "v2"):
            application.release(ref)
    yield found
    provisioning.start_again()


def traffic(application: Application) -> ProbeProcess:
    mix = ("keepalive", "fresh", "post", "slow")
    token = application.fleet.known["token"]
    return ProbeProcess(
        application.urls, rate=RATE, connections=24, token=token, mix=mix, slow_seconds=1, require_marker=True
    )


@pytest.mark.slow
def test_random_changes_of_two_applications_lose_no_request(applications: list[Application]) -> None:
    chance = random.Random(SEED + 1)
    print(f"\nseed {SEED}")
    with ExitStack() as stack:
        probes = {one.name: stack.enter_context(traffic(one)) for one in applications}

        def counted(step: str) -> int:
            """How many requests both got. Asserts that none failed."""
            totals = {name: probe.peek().totals for name, probe in probes.items()}
            for name, one in totals.items():
                assert one.failed == 0, f"{step}: requests of {name} failed:\n" + "\n".join(one.examples)
            return sum(one.requests for one in totals.values())

        for number in range(1, PROVISIONINGS + 1):
            application = chance.choice(applications)
            changes = [application.change() for _ in range(CHANGES)]
            step = f"{number:>2} {application.name}: {'; '.join(changes)}"
            print(step, flush=True)
            said = application.do("provision")
            assert "done: provisioned" in said, said
            application.waiting += 1
            if application.waiting == EVERY:
                application.release(chance.choice(("v1", "v2")))
            print(f"   {counted(step)} requests", flush=True)
        for application in applications:
            application.release("v1")
            application.is_well()
        until(lambda: counted("at the end") >= REQUESTS, 900)
        reports = [probe.stop() for probe in probes.values()]
    for application, report in zip(applications, reports, strict=True):
        print(f"{application.name}: {measured(report)}")
        assert report.totals.failed == report.unfinished == 0, "\n".join(report.totals.examples)
        assert {url.rstrip("/") for url in report.totals.targets} == set(application.urls)
    assert sum(report.totals.requests for report in reports) >= REQUESTS
