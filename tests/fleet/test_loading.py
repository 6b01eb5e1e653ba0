"""Provisioning loads the configuration on a serving fleet: a host that fails then, or requests that fail, undo it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fleet.running import Fleet, Provisioning
from tests.fleet.safety import Calm, Run, Snapshot, copy_of_inventory, snapshot, words
from tests.fleet.test_provision import files, settings
from tests.fleet.traffic import ask

BREAK = """
set -e
unit=shop-$(readlink /srv/shop/live)
mkdir -p /etc/systemd/system/$unit-nginx.service.d
cat >/root/reload <<END
#!/bin/sh
if [ ! -e /root/reloaded ]; then
    : >/root/reloaded
    systemctl kill -s STOP $unit-fpm
else
    systemctl kill -s CONT $unit-fpm
fi
END
chmod 755 /root/reload
printf '[Service]\\nExecReload=+/root/reload\\n' >/etc/systemd/system/$unit-nginx.service.d/break.conf
systemctl daemon-reload
"""
"""With the next reload of the live color's nginx, the color's PHP-FPM stops to answer; with the second, it goes on."""

MEND = """
unit=shop-$(readlink /srv/shop/live)
systemctl kill -s CONT $unit-fpm
rm -rf /etc/systemd/system/$unit-nginx.service.d/break.conf /root/reload /root/reloaded
systemctl daemon-reload
"""


def written(fleet: Fleet) -> dict[str, list[str]]:
    """All files of all servers, except those that loading itself writes: what is loaded, which nodes are barred."""
    loads = re.compile(r"/loaded/|/nodes\.barred ")
    return {
        server: [line for line in text.splitlines() if not loads.search(line)] for server, text in files(fleet).items()
    }


@pytest.mark.slow
def test_a_node_that_stops_to_answer_undoes_the_provisioning(
    calm: Calm, broken: Callable[[str, str, str], None], tmp_path: Path
) -> None:
    fleet = calm.fleet
    broken("node2", BREAK, MEND)
    before = written(fleet)
    inventory = copy_of_inventory(tmp_path, **settings("10.9.9.1", gate={"path": "/health", "deadline": 4}))
    run = Run(fleet, *words("provision"), inventory=inventory)
    assert run.end(400) == 1, run.text
    told = (
        f"node2: since the new configuration was loaded, {calm.before.live} no longer answers with the live release: "
    )
    assert [line for line in run.lines if told in line], run.text
    # node1 had loaded the new configuration, node3 had not: the former one is loaded on node2, and then on node1
    loads = f"{calm.before.live}: nginx with the settings of the servers"
    assert [line.split(":")[0].strip() for line in run.lines if line.endswith(loads)] == ["node1", "node2", "node1"]
    assert "    node2: let in again, because a provisioning stopped while it drained the node" in run.lines
    assert written(fleet) == before
    assert snapshot(fleet).said == calm.before.said
    calm.lock_is_free()
    status = Run(fleet, *words("status"))
    assert status.end() == 0, status.text
    assert [line for line in status.lines if re.search(r" provision +undone after .* by ", line)], status.text
    assert "PROVISION" not in status.text
    calm.no_request_failed()


def test_requests_that_fail_undo_the_provisioning(fleet: Fleet, before: Snapshot, tmp_path: Path) -> None:
    there = written(fleet)
    inventory = copy_of_inventory(tmp_path)
    # nobody asks HAProxy at this port
    at = "\ndef _host("
    inventory.write_text(inventory.read_text().replace(at, f'\n_settings["switches"][0]["listen"] = 81\n\n{at}'))
    run = Run(fleet, *words("provision"), inventory=inventory)
    assert run.end(400) == 1, run.text
    none_before = "none before the first host loaded its configuration"
    assert [line for line in run.lines if "probe requests failed" in line and none_before in line]
    assert "the hosts that were provisioned before have their former files again" in run.text
    assert written(fleet) == there
    assert snapshot(fleet).said == before.said
    assert ask(fleet.haproxy_url).status == 200


@pytest.mark.slow
def test_a_run_that_is_not_ended_refuses_provisioning(calm: Calm, provisioning: Provisioning) -> None:
    fleet = calm.fleet
    paused = Run(fleet, *words("release", ref="v1", until="preview"))
    assert paused.end(200) == 0, paused.text
    there = written(fleet)
    for data in ({}, {"plan": "true"}):
        refused = Run(fleet, *words("provision", **data))
        assert refused.end(200) == 3, refused.text
        assert "waits (preview): deploys/promote.py continues the release, deploys/abort.py undoes" in refused.text
    killed = Run(fleet, *words("promote"))
    killed.wait_for("cutover")
    killed.kill()
    freed = fleet.pyinfra(*words("unlock"))
    assert freed.returncode == 0, freed.stderr
    refused = Run(fleet, *words("provision"))
    assert refused.end(200) == 3, refused.text
    assert "stopped before its end: complete that run with deploys/resume.py, or undo that run with" in refused.text
    assert written(fleet) == there
    ended = fleet.pyinfra(*words("abort"))
    assert ended.returncode == 0, ended.stderr
    again = Run(fleet, *words("provision"))
    assert again.end(200) == 0, again.text
    calm.no_request_failed()
