"""How many SSH sessions a release and a rollback open on each node, and on the host with the journal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fleet.safety import Calm, Run, words

Count = Callable[[], dict[str, int]]

LOG = "/etc/ssh/sshd_config.d/sessions.conf"
LOUD = f"printf 'LogLevel VERBOSE\\n' >{LOG} && systemctl reload ssh"
QUIET = f"rm -f {LOG} && systemctl reload ssh"
STARTED = "journalctl -t sshd --no-pager -o cat | grep -c '^Starting session: command'"

JOURNAL = "haproxy"
"""The host with the lock and the journal."""

MOST = {"release": (4, 8), "rollback": (2, 8)}
"""Verb -> the largest number of sessions on a node, and on the host with the journal."""


@pytest.fixture
def sessions(calm: Calm, broken: Callable[[str, str, str], None]) -> Count:
    """The number of sessions with a command that the sshd of each node and of the journal's host has started."""
    hosts = [*(node["name"] for node in calm.fleet.nodes), JOURNAL]
    for name in hosts:
        broken(name, LOUD, QUIET)
    return lambda: {name: int(calm.fleet.exec(name, STARTED).stdout) for name in hosts}


def test_few_sessions_for_a_release_and_a_rollback(calm: Calm, sessions: Count) -> None:
    for verb, (most, most_journal) in MOST.items():
        before = sessions()
        run = Run(calm.fleet, *words(verb, **({"ref": "v1"} if verb == "release" else {})))
        assert run.end() == 0, run.text
        opened = {name: count - before[name] for name, count in sessions().items()}
        assert all(opened.values()), opened
        print(verb, opened)
        assert opened.pop(JOURNAL) <= most_journal, (verb, opened)
        assert max(opened.values()) <= most, (verb, opened)
