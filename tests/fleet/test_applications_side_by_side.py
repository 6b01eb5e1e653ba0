"""A second application on servers that serve a first one: it needs ports of its own, and nothing else is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.fleet.running import Fleet
from tests.fleet.safety import Calm, Run, Snapshot, snapshot, traffic, words

ANNEX = "annex"
"""The name of the second application."""

CLERK = "clerk"
"""The deploy user of the second application, if it has one of its own."""

NODES, BALANCERS = ("node1", "node2", "node3"), ("haproxy", "nginx")

FOUND = f"find /etc /home /run /srv /usr/local /var -name '*{ANNEX}*' 2>/dev/null"


def annex(balancer: Mapping[str, Any] | None = None, **settings: Any) -> dict[str, str]:
    """The environment of inventory/fleet.py for the second application.

    + balancer: more settings of both switches
    """
    return {"SETTINGS": json.dumps({"app": ANNEX, **settings}), "BALANCER": json.dumps(balancer or {})}


def own_ports(fleet: Fleet, listen: int = 8180) -> dict[str, str]:
    """The second application with ports of its own, which the first one leaves free."""
    return annex(
        {"listen": listen, "tls": {"listen": 8543}},
        ports={"live": 8170, "blue": 8171, "green": 8172},
        preview={"token": fleet.known["preview"], "port": 8190},
    )


def refused(fleet: Fleet, environment: Mapping[str, str]) -> list[str]:
    """Provision the second application, and assert that this is refused. Returns the problems."""
    done = fleet.pyinfra(*words("provision"), environment=environment)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    at = lines.index("provision: nothing was changed on any host:")
    return [line.strip() for line in lines[at + 1 :] if line.startswith("    ")]


def taken(hosts: str, port: int, holder: str, setting: str) -> str:
    return f"{hosts}: port {port} is taken by {holder}: change {setting}"


CONF, CFG = "/etc/nginx/conf.d/shop.conf", "/etc/haproxy/orchestrator/shop.cfg"
UNIT = "/etc/systemd/system/shop-{}-nginx.service"


def test_ports_of_another_application_are_refused(calm: Calm) -> None:
    nodes = ", ".join(NODES)
    assert refused(calm.fleet, annex()) == [
        taken(nodes, 8080, CONF, "ports.live"),
        taken(nodes, 8081, UNIT.format("blue"), "ports.blue"),
        taken(nodes, 8082, UNIT.format("green"), "ports.green"),
        taken("haproxy", 80, CFG, "switches.haproxy.listen"),
        taken("haproxy", 443, CFG, "switches.haproxy.tls.listen"),
        taken("haproxy", 8090, CFG, "preview.port"),
        taken("nginx", 80, CONF, "switches.nginx.listen"),
        taken("nginx", 443, CONF, "switches.nginx.tls.listen"),
        taken("nginx", 8090, CONF, "preview.port"),
    ]
    assert refused(calm.fleet, own_ports(calm.fleet, listen=80)) == [
        taken("haproxy", 80, CFG, "switches.haproxy.listen"),
        taken("nginx", 80, CONF, "switches.nginx.listen"),
    ]
    for server in (*NODES, *BALANCERS):
        assert calm.fleet.exec(server, FOUND).stdout == "", server
    calm.untouched()
    calm.no_request_failed()


REMOVE = f"""
for unit in $(cd /etc/systemd/system && ls -d {ANNEX}-* 2>/dev/null); do systemctl disable -q --now "$unit"; done
rm -rf /etc/systemd/system/{ANNEX}-* /etc/systemd/system/*/{ANNEX}-* /etc/nginx/conf.d/{ANNEX}.conf \
    /etc/haproxy/orchestrator/{ANNEX}.cfg /etc/sudoers.d/{ANNEX} /etc/orchestrator/{ANNEX} \
    /usr/local/lib/orchestrator/{ANNEX} /srv/{ANNEX} /var/lib/orchestrator/{ANNEX} /var/log/orchestrator/{ANNEX} \
    /run/orchestrator/{ANNEX}-* /var/cache/orchestrator/{ANNEX}-* \
    /etc/logrotate.d/{ANNEX}
systemctl daemon-reload
for unit in nginx haproxy; do ! systemctl -q is-active $unit || systemctl reload $unit; done
rm -f /run/haproxy/{ANNEX}.sock /run/haproxy/{ANNEX}.admin.sock
! id {CLERK} >/dev/null 2>&1 || userdel -r {CLERK} 2>/dev/null
{FOUND}
"""


@pytest.fixture
def without_annex(fleet: Fleet) -> Iterator[None]:
    """After the test, no server has the second application."""
    yield
    for server in (*NODES, *BALANCERS):
        assert fleet.exec(server, REMOVE).stdout == "", server


@pytest.mark.slow
@pytest.mark.usefixtures("without_annex")
def test_an_application_with_ports_of_its_own_is_accepted(calm: Calm) -> None:
    fleet = calm.fleet
    # the kernel of a container shows which program listens only if root started the program
    squatter = "systemd-run -q --unit=squatter python3 -m http.server 8171"
    assert fleet.exec("node2", squatter).returncode == 0
    started = "until ss -Hltn 'sport = 8171' | grep -q .; do sleep 0.05; done"
    assert fleet.exec("node2", started).returncode == 0
    try:
        assert refused(fleet, own_ports(fleet)) == [taken("node2", 8171, "python3 (squatter.service)", "ports.blue")]
    finally:
        assert fleet.exec("node2", "systemctl stop squatter").returncode == 0
    # each application is provisioned beside the other, and again
    said = []
    for environment in (own_ports(fleet), {}, own_ports(fleet)):
        done = fleet.pyinfra(*words("provision"), environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "done: provisioned" in done.stderr
        said.append("nginx: nginx serves traffic, so its idle connections end first" in done.stderr)
    # nginx is reloaded once, and the first application has all the connections that this may disturb
    assert said == [True, False, False]
    assert "tls.pem" in fleet.exec("haproxy", FOUND + " ; ls /etc/orchestrator/annex").stdout
    assert snapshot(fleet).said == calm.before.said
    calm.no_request_failed()


LEFT = f"""
{FOUND}
systemctl list-units --all --plain --no-legend '{ANNEX}-*'
ss -Hltn 'sport = :8170 or sport = :8171 or sport = :8172 or sport = :8180 or sport = :8543 or sport = :8190'
iptables -S OUTPUT | grep -- --dport
cat /home/{CLERK}/.ssh/authorized_keys 2>/dev/null
"""
"""Prints all that may be left of the second application on a server."""


def nothing_is_left(fleet: Fleet) -> None:
    for server in (*NODES, *BALANCERS):
        assert fleet.exec(server, LEFT).stdout == "", server


@pytest.mark.slow
@pytest.mark.usefixtures("without_annex")
def test_one_of_two_applications_is_removed(fleet: Fleet, before: Snapshot) -> None:
    settings = json.loads(own_ports(fleet)["SETTINGS"]) | {"user": CLERK}
    environment = own_ports(fleet) | {"SETTINGS": json.dumps(settings)}
    nothing_is_left(fleet)

    def done(verb: str, status: int = 0, **data: str) -> str:
        ended = fleet.pyinfra(*words(verb, **data), environment=environment)
        assert ended.returncode == status, ended.stdout + ended.stderr
        return ended.stderr

    def provisioned() -> None:
        done("provision")
        assert fleet.exec("node1", "systemctl is-active annex-blue.target").stdout == "active\n"

    provisioned()
    bar = f"/usr/local/lib/orchestrator/annex/bar {fleet.known['nodes'][0]['address']} on"
    assert fleet.exec("haproxy", bar).returncode == 0
    assert fleet.exec("node2", "echo precious >/srv/annex/shared/book; echo >/srv/annex/notes").returncode == 0
    with traffic(fleet) as probe:
        calm = Calm(fleet, before, probe)
        said = done("remove", 2)
        assert "with -y, remove needs the name of the application: --data remove=annex" in said
        assert "node2: notes in /srv/annex stays" in said
        assert fleet.exec("node2", "rm /srv/annex/notes && cat /srv/annex/shared/book").stdout == "precious\n"

        killed = Run(fleet, *words("remove", remove=ANNEX), environment=environment)
        killed.wait_for("haproxy: haproxy no longer serves annex")
        killed.kill()
        assert "done: annex is removed" in done("remove", remove=ANNEX)
        nothing_is_left(fleet)
        assert "nothing of annex is left on haproxy, nginx, node1, node2, node3" in done("remove")
        calm.untouched()
        for node in NODES:
            assert fleet.exec(node, "cat /home/deploy/.ssh/authorized_keys").stdout.count("ssh-") == 1
        calm.no_request_failed()
    provisioned()
