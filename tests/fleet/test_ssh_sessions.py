"""How many SSH sessions a release and a rollback open on each server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fleet.safety import Calm, Run, words

Count = Callable[[], dict[str, int]]

LOG = "/etc/ssh/sshd_config.d/sessions.conf"
LOUD = f"printf 'LogLevel VERBOSE\\n' >{LOG} && systemctl reload ssh"
QUIET = f"rm -f {LOG} && systemctl reload ssh"
STARTED = "journalctl -t sshd --no-pager -o cat | grep -c '^Starting session: command'"

MOST = {
    "release": {"node": 4, "haproxy": 8, "nginx": 4},
    "rollback": {"node": 2, "haproxy": 8, "nginx": 4},
}
"""Verb -> kind of server -> the largest number of sessions. HAProxy's server holds the lock and the journal."""


@pytest.fixture
def sessions(calm: Calm, broken: Callable[[str, str, str], None]) -> Count:
    """The number of sessions with a command that each server's sshd has started."""
    servers = [name for name in calm.fleet.servers if name != "origin"]
    for name in servers:
        broken(name, LOUD, QUIET)
    return lambda: {name: int(calm.fleet.exec(name, STARTED).stdout) for name in servers}


def test_few_sessions_for_a_release_and_a_rollback(calm: Calm, sessions: Count) -> None:
    for verb, most in MOST.items():
        before = sessions()
        run = Run(calm.fleet, *words(verb, **({"ref": "v1"} if verb == "release" else {})))
        assert run.end() == 0, run.text
        opened = {name: count - before[name] for name, count in sessions().items()}
        assert all(opened.values()), opened
        assert all(count <= most[name.rstrip("0123456789")] for name, count in opened.items()), (verb, opened)
