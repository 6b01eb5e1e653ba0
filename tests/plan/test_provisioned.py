"""The settings, compared with what provisioning has applied on each host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from orchestrator import __version__
from orchestrator.errors import Refused
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.provisioned import differences, outdated
from orchestrator.report.plan import risks
from tests.fakes.states import OLD, node
from tests.plan.test_preflight import fleet, join, problems, release, rollback, switch

Digests = Mapping[str, str]

NODE = {"app": "a", "php.ini": "i", "user": "u"}
BALANCER = {"app": "a", "switches.haproxy.sticky": "s", "user": "u"}
WANTED = {"node1": NODE, "node2": NODE, "lb1": BALANCER}
WITH = {"orchestrator": __version__}
RUN = "run deploys/provision.py"


def seen(node1: Digests | None, node2: Digests | None, balancer: Digests | None) -> FleetState:
    """Two nodes and a balancer that were provisioned so."""
    nodes = {"node1": node(digests=node1), "node2": node(digests=node2)}
    return replace(fleet(nodes, {"lb1": switch(digests=balancer)}), wanted=WANTED)


AS_IT_IS = seen(NODE | WITH, NODE | WITH, BALANCER | WITH)
OTHER_INI = NODE | WITH | {"php.ini": "j"}
WITHOUT_STICKY = {"app": "a", "user": "u"} | WITH
DIFFERENT = seen(OTHER_INI, OTHER_INI, WITHOUT_STICKY)
LINES = [
    f"node1, node2: php.ini has changed since the last provisioning: {RUN}",
    f"lb1: switches.haproxy.sticky was added since the last provisioning: {RUN}",
]


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (AS_IT_IS, []),
        (DIFFERENT, LINES),
        (
            seen(NODE | WITH | {"user": "v"}, NODE | WITH, BALANCER | WITH | {"user": "v"}),
            [f"node1, lb1: user has changed since the last provisioning: {RUN}"],
        ),
        (
            seen(NODE | WITH | {"php.idle_workers": "4"}, NODE | WITH, BALANCER | WITH),
            [f"node1: php.idle_workers was removed since the last provisioning: {RUN}"],
        ),
        # what provisioning installs for these keys, and never removes, does no harm
        (seen(NODE | WITH | {"source.key": "k", "authorized_keys": "a"}, NODE | WITH, BALANCER | WITH), []),
        (
            seen({"unfinished": __version__}, {"unfinished": __version__}, BALANCER | WITH),
            [f"node1, node2: the last provisioning did not end: {RUN}"],
        ),
        # another version alone is no difference
        (seen(NODE | {"orchestrator": "0.1"}, NODE | WITH, BALANCER | WITH), []),
        (
            seen(OTHER_INI | {"orchestrator": "0.1"}, NODE | {"orchestrator": "0.1"}, BALANCER | WITH),
            [
                f"node1: php.ini has changed since the last provisioning: {RUN}",
                f"node1: provisioned by orchestrator 0.1: defaults of {__version__} may differ",
            ],
        ),
        # a host that this tool does not provision
        (replace(DIFFERENT, wanted={}), []),
    ],
)
def test_differences_name_hosts_keys_and_what_to_do(found: FleetState, lines: list[str]) -> None:
    assert differences(found) == lines
    assert outdated(found) == []


def test_hosts_of_an_earlier_version_must_be_provisioned() -> None:
    found = seen(None, NODE | WITH, None)
    assert differences(found) == []
    line = f"node1, lb1: last provisioned by an earlier version of this tool: {RUN} first"
    assert outdated(found) == [line]
    for make in (release, rollback):
        with pytest.raises(Refused, match=line):
            make(found)
    new = replace(
        found, nodes={"node1": node(digests=None, provisioned=False), "node2": "lost"}, switches={"lb1": "lost"}
    )
    assert outdated(new) == []


def test_hosts_whose_colors_have_no_nginx_must_be_provisioned() -> None:
    page = {"health_page": "h"}
    found = replace(
        seen(NODE | WITH, NODE | WITH | page, BALANCER | WITH),
        wanted={"node1": NODE | page, "node2": NODE | page, "lb1": BALANCER},
    )
    assert differences(found) == []
    assert outdated(found) == [f"node1: last provisioned by an earlier version of this tool: {RUN} first"]
    unfinished = replace(found, nodes={"node1": node(digests={"unfinished": __version__})})
    assert outdated(unfinished) == []


def barred(found: FleetState, name: str = "node2") -> FleetState:
    addresses = (found.addresses[name],)
    return replace(found, switches={key: replace(one, barred=addresses) for key, one in found.seen.items()})


@pytest.mark.parametrize(
    "make",
    [
        release,
        lambda found: rollback(found, to="20260101T000000Z-ddddddd"),
        lambda found: join(barred(found)),
    ],
    ids=["release", "rollback to a kept release", "join"],
)
def test_runs_that_start_a_release_are_refused(make: Callable[[FleetState], Inputs]) -> None:
    kept = (OLD, "20260101T000000Z-ddddddd", *node().releases[1:])

    def keeping(found: FleetState) -> FleetState:
        return replace(found, nodes={name: replace(one, releases=kept) for name, one in found.node_states.items()})

    assert [line for line in problems(lambda: make(keeping(DIFFERENT))) if "provision" in line] == LINES
    make(keeping(AS_IT_IS))
    earlier = [line for line in problems(lambda: make(keeping(seen(None, None, None)))) if "provision" in line]
    assert earlier == [f"node1, node2, lb1: last provisioned by an earlier version of this tool: {RUN} first"]


def test_a_rollback_to_a_warm_release_is_only_warned() -> None:
    assert rollback(DIFFERENT).release == OLD
    assert [line for line in risks(DIFFERENT, rollback(DIFFERENT)) if "provision" in line] == LINES


def test_nodes_that_take_no_part_are_not_compared() -> None:
    found = barred(seen(OTHER_INI, NODE | WITH, BALANCER | WITH), "node1")
    assert [missing.name for missing in release(found, allow_missing=frozenset({"node1"})).missing] == ["node1"]
