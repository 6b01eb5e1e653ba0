"""Services that the settings of the servers have in another way than a release, or do not have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.probe.process import ProbeProcess
from tests.fleet.running import Fleet, Provisioning
from tests.fleet.safety import Calm, Run, copy_of_inventory, snapshot, words
from tests.fleet.traffic import ask

Tag = Callable[[str, Callable[[Path], None]], str]

WS = {"name": "ws", "command": "bin/ws", "path": "/ws"}
ANSWER = "<?php echo json_encode(['release' => getenv('RELEASE'), 'port' => getenv('PORT')]);\n"

pytestmark = pytest.mark.slow


def told(folder: Path) -> None:
    """Add the program of the service `told`."""
    (folder / "bin/told.php").write_text(ANSWER)


def inventory(folder: Path, blue: int) -> Path:
    """Settings with the service `told`, whose port in green is the next one."""
    folder.mkdir()
    ports: dict[str, Any] = {"ports": {"blue": blue, "green": blue + 1}}
    service = {"name": "told", "command": 'php -S "127.0.0.1:$PORT" bin/told.php', "path": "/told"}
    return copy_of_inventory(folder, services=[WS, service | ports])


def done(fleet: Fleet, verb: str, settings: Path | str, **data: str) -> None:
    run = Run(fleet, *words(verb, **data), inventory=settings)
    assert run.end(300) == 0, run.text


def answered(fleet: Fleet) -> set[tuple[str, str]]:
    """The releases and ports of the service's answers."""
    answers = [ask(url, "/told") for url in (fleet.haproxy_url, fleet.nginx_url) for _ in range(2 * len(fleet.nodes))]
    assert {answer.status for answer in answers} == {200}
    return {(answer.body["release"], answer.body["port"]) for answer in answers}


def live_with(fleet: Fleet, blue: int) -> set[tuple[str, str]]:
    """The answers of the live release, if it has these ports."""
    now = snapshot(fleet)
    return {(now.release(now.live), str(blue + (now.live == "green")))}


def asking(fleet: Fleet) -> ProbeProcess:
    urls = [fleet.haproxy_url, fleet.nginx_url]
    return ProbeProcess(urls, paths=["/told"], rate=10, connections=2, require_marker=True)


def none_failed(probe: ProbeProcess) -> None:
    totals = probe.stop().totals
    assert totals.requests > 0
    assert totals.failed == 0, totals.examples


def test_a_service_keeps_the_ports_of_its_release(
    calm: Calm, provisioning: Provisioning, tag: Tag, tmp_path: Path
) -> None:
    fleet = calm.fleet
    tag("told", told)
    provisioning.became(None)
    former, later = inventory(tmp_path / "former", 9301), inventory(tmp_path / "later", 9311)
    done(fleet, "provision", former)
    done(fleet, "release", former, ref="told")
    live = snapshot(fleet).live
    first = snapshot(fleet).release(live)
    assert answered(fleet) == live_with(fleet, 9301)

    refused = Run(fleet, *words("release", ref="told"), inventory=later)
    assert refused.end() == 3, refused.text
    assert "services.ports.blue" in refused.text
    with asking(fleet) as probe:
        done(fleet, "provision", later)
        none_failed(probe)
    for node in fleet.nodes:
        restarted = fleet.exec(node["name"], f"systemctl restart shop-{live}-told")
        assert restarted.returncode == 0, restarted.stderr
    assert answered(fleet) == live_with(fleet, 9301)

    with asking(fleet) as probe:
        for _ in range(2):
            done(fleet, "release", later, ref="told")
            assert answered(fleet) == live_with(fleet, 9311)
        # each color has a later release, so the first release is started again
        done(fleet, "rollback", later, to=first)
        assert snapshot(fleet).release(snapshot(fleet).live) == first
        assert answered(fleet) == live_with(fleet, 9301)
        none_failed(probe)
    calm.no_request_failed()


def test_a_release_keeps_a_service_that_the_settings_lose(
    calm: Calm, provisioning: Provisioning, tag: Tag, tmp_path: Path
) -> None:
    fleet, without = calm.fleet, "inventory/fleet.py"
    tag("told", told)
    provisioning.became(None)
    former = inventory(tmp_path / "former", 9301)
    done(fleet, "provision", former)
    done(fleet, "release", former, ref="told")
    live = snapshot(fleet).live
    first = snapshot(fleet).release(live)
    with asking(fleet) as probe:
        done(fleet, "provision", without)
        none_failed(probe)
    for node in fleet.nodes:
        # as at boot, the target starts the service
        again = fleet.exec(node["name"], f"systemctl stop shop-{live}-told && systemctl start shop-{live}.target")
        assert again.returncode == 0, again.stderr
    assert answered(fleet) == live_with(fleet, 9301)

    for _ in range(2):
        done(fleet, "release", without, ref="v1")
        now = snapshot(fleet).live
        states = {
            fleet.exec(node["name"], f"systemctl show -p ActiveState,NRestarts --value shop-{now}-told").stdout
            for node in fleet.nodes
        }
        assert len(states) == 1
        assert states.pop().split() in (["0", "active"], ["active", "0"])
    done(fleet, "rollback", without, to=first)
    assert answered(fleet) == live_with(fleet, 9301)
    calm.no_request_failed()
