"""The fleet itself: real servers, reached as real ones are."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fleet as tool
import pytest

from tests.fleet.running import ROOT, Fleet

SERVERS = ["node1", "node2", "node3", "haproxy", "nginx", "origin"]


def test_servers_are_three_nodes_two_balancers_and_the_origin(bare_fleet: Fleet) -> None:
    assert bare_fleet.servers == SERVERS


@pytest.mark.parametrize("host", SERVERS)
def test_systemd_runs(bare_fleet: Fleet, host: str) -> None:
    done = bare_fleet.ssh(host, "cat /proc/1/comm; systemctl is-system-running; hostname")
    assert done.stdout.split() == ["systemd", "running", host], done


def test_units_can_be_started_and_stopped(bare_fleet: Fleet) -> None:
    command = "systemd-run -q --unit=here -p PrivateTmp=yes sleep 60 && systemctl is-active here; systemctl stop here"
    assert bare_fleet.ssh("node1", command).stdout.strip() == "active"


def test_no_server_is_privileged(bare_fleet: Fleet) -> None:
    for host in bare_fleet.servers:
        seen = bare_fleet.docker("inspect", "-f", "{{.HostConfig.Privileged}}", bare_fleet.container(host))
        assert seen.stdout.strip() == "false"


def test_ports_are_published_on_this_machine_only(bare_fleet: Fleet) -> None:
    for host in bare_fleet.servers:
        published = bare_fleet.docker("port", bare_fleet.container(host)).stdout.splitlines()
        assert published
        assert all(line.split(" -> ")[1].startswith("127.0.0.1:") for line in published), published


def test_an_unknown_host_key_is_refused(bare_fleet: Fleet, tmp_path: Path) -> None:
    swapped = tmp_path / "known_hosts"
    key = (bare_fleet.dir / "hosts" / "node2" / "ssh_host_ed25519_key.pub").read_text()
    for wrong in ("", f"[127.0.0.1]:{bare_fleet.port('node1')} {key}"):
        swapped.write_text(wrong)
        done = bare_fleet.ssh("node1", "true", "root", "-o", f"UserKnownHostsFile={swapped}")
        assert done.returncode == 255
        assert "verification failed" in done.stderr


def test_passwords_are_refused(bare_fleet: Fleet) -> None:
    done = bare_fleet.ssh("node1", "true", "root", "-o", "PubkeyAuthentication=no")
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


def test_a_node_can_read_the_origin_and_cannot_write(bare_fleet: Fleet) -> None:
    for name in ("origin_key", "origin_known_hosts"):
        text = shlex.quote((bare_fleet.dir / name).read_text())
        put = bare_fleet.exec("node1", f"umask 077 && printf %s {text} >/tmp/{name}")
        assert put.returncode == 0, put.stderr
    url = bare_fleet.known["origin"]["url"]
    ssh = (
        "chown root /tmp/origin_key && export GIT_SSH_COMMAND='ssh -F none -i /tmp/origin_key -o IdentitiesOnly=yes "
        "-o StrictHostKeyChecking=yes -o UserKnownHostsFile=/tmp/origin_known_hosts' && "
    )
    seen = bare_fleet.ssh("node1", f"{ssh} git ls-remote {url}")
    references = {line.split()[1]: line.split()[0] for line in seen.stdout.splitlines()}
    assert {"refs/heads/main", "refs/tags/v1", "refs/tags/v2"} <= set(references), seen
    assert references["refs/heads/main"] == references["refs/tags/v2^{}"] != references["refs/tags/v1^{}"]

    clone = f"{ssh} rm -rf /tmp/shop && git clone -q {url} /tmp/shop"
    assert bare_fleet.ssh("node1", clone).returncode == 0
    push = f"{ssh} git -C /tmp/shop push origin HEAD:refs/heads/mine"
    assert bare_fleet.ssh("node1", push).returncode != 0
    assert "mine" not in bare_fleet.ssh("node1", f"{ssh} git ls-remote {url}").stdout
    bare_fleet.ssh("node1", "rm -rf /tmp/shop /tmp/origin_key /tmp/origin_known_hosts")


@pytest.mark.parametrize(
    ("host", "folder"), [("node1", "/srv"), ("haproxy", "/var/lib/orchestrator"), ("nginx", "/var/lib/orchestrator")]
)
def test_links_are_swapped_on_a_file_system_where_that_is_atomic(bare_fleet: Fleet, host: str, folder: str) -> None:
    kind = bare_fleet.ssh(host, f"stat -f -c %T {folder}").stdout.strip()
    assert kind
    assert "overlay" not in kind
    assert "fuse" not in kind


def test_a_killed_server_keeps_its_address_ports_and_host_key(bare_fleet: Fleet) -> None:
    before = bare_fleet.ssh("nginx", "hostname -I").stdout
    bare_fleet.restart("nginx")
    assert bare_fleet.ssh("nginx", "hostname -I").stdout == before


def test_a_disconnected_server_comes_back_with_its_address(bare_fleet: Fleet) -> None:
    before = bare_fleet.ssh("node3", "hostname -I").stdout
    bare_fleet.disconnect("node3")
    try:
        assert bare_fleet.ssh("node3", "true", "root", "-o", "ConnectTimeout=1").returncode == 255
    finally:
        bare_fleet.connect("node3")
    assert bare_fleet.ssh("node3", "hostname -I").stdout == before


def test_the_application_tells_its_versions_apart(bare_fleet: Fleet) -> None:
    repository = bare_fleet.known["origin"]["url"].removeprefix("ssh://git@origin")
    for version in ("v1", "v2"):
        command = (
            "rm -rf /tmp/app && mkdir -p /tmp/app && "
            f"git -c safe.directory='*' --git-dir={repository} archive {version} | tar -x -C /tmp/app && "
            "find /tmp/app -name '*.php' -exec php -l {} + >/dev/null && php /tmp/app/console version"
        )
        assert bare_fleet.ssh("origin", command).stdout.strip() == version


def test_only_the_rest_of_an_aborted_run_is_removed(bare_fleet: Fleet, tmp_path: Path) -> None:
    left = tool.prepare(tmp_path / "left", 1, f"{bare_fleet.project}-left", "1:1")
    tool.start(left)
    try:
        # two test processes may start at the same time
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: tool.sweep(), range(2)))
        wanted = ["--filter", f"label={tool.LABEL}={left.project}", "-q"]
        for kind in (["ps", "-a"], ["volume", "ls"], ["network", "ls"]):
            assert bare_fleet.docker(*kind, *wanted).stdout == ""
        assert bare_fleet.ssh("node1", "true").returncode == 0
    finally:
        tool.down(left.directory, left.project)
    assert not left.directory.exists()


def test_two_work_trees_have_different_project_names(tmp_path: Path) -> None:
    assert tool.default_project(ROOT / ".fleet") != tool.default_project(tmp_path / ".fleet")
