"""Servers that greet every login, speak German, or have garbled files: no command fails, and no request.

`tests/connection/test_marks.py` and `tests/test_garbled_answers.py` test the same without a fleet.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fleet as tool
import pytest

from tests.fleet.running import Fleet, Provisioning
from tests.fleet.safety import BALANCERS, Calm, Snapshot, snapshot
from tests.fleet.switching import until
from tests.fleet.test_crash_points import is_consistent
from tests.fleet.test_provision import CHANGED
from tests.fleet.test_servers import all_serve, done, released
from tests.fleet.test_shares import CANARY, Shares
from tests.fleet.traffic import Traffic, flawless, measured

NODES = ("node1", "node2", "node3")

# What the login prints looks like answers to this tool. Some of it is not UTF-8, or has no line end. The login shell
# has the name of a shell that provisioning accepts. It is no bash, because bash reads .bashrc only as the outer shell.
NOISE = r"""
set -eu
mkdir /usr/local/lib/noise
cat >/usr/local/lib/noise/bash <<'END'
#!/bin/sh
printf 'before the command\nblue=green\n\377\376 \033[31mlive=red\n{"pid":\n' | tee /dev/stderr
/bin/bash "$@"
status=$?
printf 'after the command\nnode1=000\nno line end' | tee /dev/stderr
exit $status
END
chmod 755 /usr/local/lib/noise/bash
for user in root deploy; do
    home=$(getent passwd "$user" | cut -d: -f6)
    cp -p "$home/.bashrc" "$home/.bashrc.quiet"
    {
        echo 'printf "greeting of .bashrc\nweights=1,5\n||\n\377" | tee /dev/stderr'
        echo 'trap "echo farewell of .bashrc; echo fence=9 >&2" EXIT'
        cat "$home/.bashrc.quiet"
    } >"$home/.bashrc"
    getent passwd "$user" | cut -d: -f7 >"/usr/local/lib/noise/$user"
    usermod --shell /usr/local/lib/noise/bash "$user"
done
echo 'echo "greeting of sshrc"; printf "\377 fence=abc" >&2' >/etc/ssh/sshrc
cp -p /etc/environment /etc/environment.quiet
printf 'LANG=de_DE.UTF-8\nLC_ALL=de_DE.UTF-8\nLANGUAGE=de\n' | tee /etc/default/locale >>/etc/environment
printf 'SetEnv LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8\n' >/etc/ssh/sshd_config.d/noise.conf
systemctl reload ssh
# for the programs of the units, too
systemctl set-environment LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8
"""
QUIET = """
set -eu
systemctl unset-environment LANG LC_ALL
rm -f /etc/ssh/sshd_config.d/noise.conf /etc/default/locale /etc/ssh/sshrc
mv -f /etc/environment.quiet /etc/environment
for user in root deploy; do
    home=$(getent passwd "$user" | cut -d: -f6)
    mv -f "$home/.bashrc.quiet" "$home/.bashrc"
    usermod --shell "$(cat "/usr/local/lib/noise/$user")" "$user"
done
rm -r /usr/local/lib/noise
systemctl reload ssh
"""
SHELLS = "for user in root deploy; do echo $user=$(getent passwd $user | cut -d: -f7); done"

GREETINGS = (
    "before the command",
    "after the command",
    "greeting of .bashrc",
    "farewell of .bashrc",
    "greeting of sshrc",
    "LANG=de_DE.UTF-8",
)

# Without the locale's files, bash warns at each start. With them, some programs print 1,5 instead of 1.5. One balancer
# keeps mawk.
GERMAN = """
set -eu
apt-get update -qq
gawk=gawk
[ "$(hostname)" != nginx ] || gawk=
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends locales $gawk
localedef -i de_DE -f UTF-8 de_DE.UTF-8
"""
NOT_GERMAN = """
localedef --delete-from-archive de_DE.utf8 && apt-get purge -qq -y --autoremove locales gawk
rm -rf /var/lib/apt/lists/*
"""
SPOKEN = """
readlink -f "$(command -v awk)"
LC_ALL=de_DE.UTF-8 bash -c 'printf "%.1f\\n" 1,5'
"""


def everywhere(fleet: Fleet, command: str, timeout: float = 60) -> dict[str, str]:
    """Run a command on all nodes and balancers at once. Return what each prints."""

    def run(server: str) -> str:
        ended = fleet.exec(server, command, timeout)
        assert ended.returncode == 0, f"{server}: {ended.stderr}"
        return ended.stdout

    servers = (*NODES, *BALANCERS)
    with ThreadPoolExecutor(len(servers)) as pool:
        return dict(zip(servers, pool.map(run, servers), strict=True))


def heard(fleet: Fleet, server: str, user: str) -> str:
    """What a login of a user prints on both outputs, before, after and while it runs `env`."""
    login = [*tool.ssh_options(fleet.dir), "-p", str(fleet.port(server)), f"{user}@127.0.0.1", "env"]
    said = subprocess.run(["ssh", *login], capture_output=True, timeout=60)
    return (said.stdout + said.stderr).decode("utf-8", "replace")


@pytest.fixture
def noisy(fleet: Fleet) -> Iterator[None]:
    """All nodes and balancers greet each login of both users, and set a German locale."""
    shells = everywhere(fleet, SHELLS)
    everywhere(fleet, NOISE)
    yield
    everywhere(fleet, QUIET)
    assert everywhere(fleet, SHELLS) == shells
    for user in ("root", "deploy"):
        assert not [greeting for greeting in GREETINGS if greeting in heard(fleet, "node1", user)]


@pytest.fixture
def german(fleet: Fleet) -> Iterator[None]:
    """All nodes and balancers have the files of the German locale, and GNU awk, if Debian's packages can be had."""
    try:
        everywhere(fleet, GERMAN, 300)
    except AssertionError as error:
        print(f"without the files of the locale, and without GNU awk: {error}")
    else:
        spoken = everywhere(fleet, SPOKEN)
        assert spoken.pop("nginx") == "/usr/bin/mawk\n1,5\n"
        assert set(spoken.values()) == {"/usr/bin/gawk\n1,5\n"}
    yield
    everywhere(fleet, NOT_GERMAN, 300)


def all_are_heard(fleet: Fleet) -> None:
    for server in (*NODES, *BALANCERS):
        for user in ("root", "deploy"):
            said = heard(fleet, server, user)
            assert [greeting for greeting in GREETINGS if greeting not in said] == [], said


@pytest.mark.usefixtures("noisy")
def test_greetings_of_the_login_do_no_harm(calm: Calm) -> None:
    fleet = calm.fleet
    all_are_heard(fleet)
    said = done(fleet, "release", ref="v1")
    assert "warning" not in said
    assert is_consistent(fleet).live == calm.before.idle
    assert "warning" not in done(fleet, "rollback")
    assert is_consistent(fleet).live == calm.before.live
    calm.no_request_failed()


@pytest.fixture
def busy(fleet: Fleet, before: Snapshot, tmp_path: Path) -> Iterator[Traffic]:
    """So much traffic that a comparison has enough answers of both colors. No request may fail."""
    assert before.ready
    with Traffic([fleet.haproxy_url, fleet.nginx_url], tmp_path / "samples", rate=300.0, slow_seconds=1.0) as probe:
        yield probe


def canary(shares: Shares, *data: str) -> None:
    """Release v1 by a canary whose comparison finds both colors equal."""
    report = shares.run("release", "ref=v1", *data, **CANARY)
    assert report["committed"]
    assert report["warnings"] == []
    bake = next(event for event in report["events"] if event.get("stage") == "bake 25%")
    assert not bake["failed"]
    details = [result["detail"] for result in bake["results"]]
    assert details
    print(*details)


@pytest.mark.slow
@pytest.mark.usefixtures("german", "noisy")
def test_german_servers_are_understood(
    fleet: Fleet, before: Snapshot, busy: Traffic, provisioning: Provisioning, tmp_path: Path
) -> None:
    all_are_heard(fleet)
    provisioning.became(None)
    for shape in (CHANGED, {}):
        said = done(fleet, "provision", shape=shape)
        assert "node1: the node serves traffic, so it is drained first" in said
        assert "done: provisioned" in said
    assert "drained" not in done(fleet, "provision")
    provisioning.became({})
    assert snapshot(fleet).said == before.said

    canary(Shares(fleet, tmp_path))
    assert is_consistent(fleet).live == before.idle
    done(fleet, "rollback")
    assert is_consistent(fleet).live == before.live
    # a code-only release refuses a live release with an environment file, which another test may have left
    done(fleet, "release", ref="v1")
    done(fleet, "code", ref="v2")
    for balancer in BALANCERS:
        assert fleet.exec(balancer, "/usr/local/lib/orchestrator/shop/bar node3 on").returncode == 0
    assert "node3: is barred" in done(fleet, "release", 3, ref="v2")
    done(fleet, "join", node="node3")
    until(lambda: not fleet.exec("nginx", "/usr/local/lib/orchestrator/shop/bar list").stdout)
    all_serve(fleet)
    is_consistent(fleet)
    report = busy.stop()
    flawless(report)
    print(measured(report))


LIES = (r"\377\376", "abc", "x y")
"""What the files of a node may contain, for printf."""


@pytest.mark.slow
@pytest.mark.usefixtures("noisy")
def test_the_others_go_on_beside_a_node_that_lies(
    fleet: Fleet, before: Snapshot, busy: Traffic, tmp_path: Path
) -> None:
    def lie(text: str, *files: str) -> None:
        for file in files:
            assert fleet.exec("node2", f"printf '{text}\n' >/srv/shop/{file}").returncode == 0

    def told(*lines: str) -> None:
        said = done(fleet, "status")
        for line in lines:
            assert line in said

    for text in LIES:
        lie(text, "guard/fence", f"{before.idle}/started")
        told("node2        its answer cannot be read: fence=")
    # the guard writes the number of the next run into the file, and then the node says how it is
    done(fleet, "release", ref="v1")
    assert is_consistent(fleet).live == before.idle

    file = f"releases/{before.release(before.live)}/.release/size"
    size = fleet.exec("node2", f"cat /srv/shop/{file}").stdout.strip()
    for text in LIES:
        lie(text, file)
        told("node2        its answer cannot be read: sizes=", "node1        live", "node3        live")
    refused = done(fleet, "release", 3, ref="v1")
    assert "node2: its answer cannot be read: sizes=x (the run needs all nodes" in refused
    assert "node2: its answer cannot be read: sizes=x" in done(fleet, "provision", 3)
    # a rollback moves the traffic of all nodes: the balancers say that this node answers, too
    done(fleet, "rollback")
    assert is_consistent(fleet).live == before.live

    canary(Shares(fleet, tmp_path), "allow_missing=node2")
    moved = snapshot(fleet)
    assert moved.live == before.idle
    done(fleet, "rollback")
    assert snapshot(fleet).live == before.live
    lie(size, file)
    done(fleet, "join", node="node2")
    all_serve(fleet)
    # all nodes then keep the same releases
    released(fleet, snapshot(fleet))
    is_consistent(fleet)
    report = busy.stop()
    flawless(report)
    print(measured(report))
