"""How many SSH sessions a release and a rollback open on each node."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fleet.safety import Calm, Run, words

Count = Callable[[], dict[str, int]]

LOG = "/etc/ssh/sshd_config.d/sessions.conf"
LOUD = f"printf 'LogLevel VERBOSE\\n' >{LOG} && systemctl reload ssh"
QUIET = f"rm -f {LOG} && systemctl reload ssh"
STARTED = "journalctl -t sshd --no-pager -o cat | grep -c '^Starting session: command'"

MOST = {"release": 4, "rollback": 2}
"""Verb -> the largest number of sessions on a node.

The gate asks a balancer two questions at once, and one of the two needs a separate session. The gate asks again until
the balancer's own health checks have passed, so the number of sessions on a balancer depends on the time.
"""


@pytest.fixture
def sessions(calm: Calm, broken: Callable[[str, str, str], None]) -> Count:
    """The number of sessions with a command that each node's sshd has started."""
    nodes = [node["name"] for node in calm.fleet.nodes]
    for name in nodes:
        broken(name, LOUD, QUIET)
    return lambda: {name: int(calm.fleet.exec(name, STARTED).stdout) for name in nodes}


def test_few_sessions_for_a_release_and_a_rollback(calm: Calm, sessions: Count) -> None:
    for verb, most in MOST.items():
        before = sessions()
        run = Run(calm.fleet, *words(verb, **({"ref": "v1"} if verb == "release" else {})))
        assert run.end() == 0, run.text
        opened = {name: count - before[name] for name, count in sessions().items()}
        assert all(opened.values()), opened
        assert max(opened.values()) <= most, (verb, opened)
