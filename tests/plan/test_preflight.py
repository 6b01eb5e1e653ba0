"""The preflight: from the state of the fleet to the inputs of a run, or to a refusal with every problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.aws.scaling import Group
from orchestrator.config import Settings
from orchestrator.errors import Refused, UsageError
from orchestrator.facts.node import NodeState
from orchestrator.model import Color, Weights
from orchestrator.plan import preflight
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.inputs import DatabaseAsked, Inputs, Missing, NodeInput
from orchestrator.switches.base import Seen
from tests.fakes.states import BLUE, GREEN, LIVE, OLD, node

NOW = datetime(2026, 1, 3, 12, tzinfo=UTC)
REVISION = "c" * 40
NEW = "20260103T120000Z-ccccccc"
ALL_BLUE, ALL_GREEN = Weights.all_to(BLUE), Weights.all_to(GREEN)
LEAVE = "leave the node out: --data allow_missing="

Change = Callable[[FleetState], FleetState]


def settings(**more: Any) -> Settings:
    raw = {
        "app": "shop",
        "source": {"origin": "https://git.test/shop.git"},
        "switches": [{"kind": "haproxy", "group": "haproxy", "urls": ["http://shop.test/"]}],
        "marker": {"answers": "all"},
        "room": {"disk_mb": 100, "inodes": 1000, "memory_mb": 200},
    }
    return Settings.model_validate(raw | more)


SCALED = settings(scaling={"group": "shop", "live": "s3://bucket/live.json"})


def switch(**changes: Any) -> Seen:
    return replace(Seen(ALL_BLUE, ALL_BLUE, None, "xfs"), **changes)


def fleet(
    nodes: Mapping[str, NodeState | str] | None = None,
    switches: Mapping[str, Seen | str] | None = None,
    group: Group | str | None = None,
) -> FleetState:
    """Two nodes and one balancer as they should be, but for what is given."""
    all_nodes = {"node1": node(), "node2": node()} | dict(nodes or {})
    all_switches = {"lb1": switch()} | dict(switches or {})
    kinds = {name: ("node" if name in all_nodes else "balancer", "haproxy") for name in all_switches}
    addresses = {name: f"10.0.0.{number}" for number, name in enumerate(all_nodes, 1)}
    return FleetState(all_nodes, all_switches, kinds, addresses, group)  # type: ignore[arg-type]


def release(found: FleetState, **more: Any) -> Inputs:
    given: Settings = more.pop("settings", settings())
    return preflight.release(found, given, "main", REVISION, NOW, **more)


def rollback(found: FleetState, **more: Any) -> Inputs:
    return preflight.rollback(found, settings(), **more)


def join(found: FleetState, name: str = "node2", given: Settings | None = None) -> Inputs:
    return preflight.join(found, given or settings(), name, lambda release: f"full-{release}")


def problems(make: Callable[[], Inputs]) -> list[str]:
    with pytest.raises(Refused) as refused:
        make()
    return str(refused.value).split("; ")


# --- the live color


@pytest.mark.parametrize("weights", [ALL_BLUE, ALL_GREEN])
def test_the_live_color_is_the_one_with_all_traffic(weights: Weights) -> None:
    both = {name: switch(weights=weights, kept=weights) for name in ("lb1", "lb2")}
    assert preflight.live_color(fleet(switches=both)) is weights.live


@pytest.mark.parametrize(
    ("switches", "line"),
    [
        ({"lb2": switch(weights=ALL_GREEN)}, "the switches disagree: lb1 sends 0% to green, lb2 sends 100% to green"),
        (
            {"lb1": switch(weights=Weights(5))},
            "traffic is split (5% to green): first end the unfinished run with deploys/promote.py, deploys/resume.py "
            "or deploys/abort.py (deploys/status.py shows the run)",
        ),
        ({"lb2": "no answer"}, "it is unknown which color gets the traffic: lb2: no answer"),
        ({"lb1": "one", "lb2": "two"}, "it is unknown which color gets the traffic: lb1: one; lb2: two"),
    ],
)
def test_switches_without_one_live_color_are_refused(switches: dict[str, Seen | str], line: str) -> None:
    found = fleet(switches=switches)
    runs = (lambda: release(found), lambda: rollback(found), lambda: join(found), lambda: rollback(found, to=OLD))
    for make in runs:
        assert "; ".join(problems(make)) == line


def test_a_silent_node_switch_does_not_hide_the_color() -> None:
    found = fleet({"node2": "lost"}, {"lb1": switch(), "node2": "lost"})
    assert preflight.live_color(found) is BLUE
    alone = FleetState({"node2": "lost"}, {"node2": "lost"}, {"node2": ("node", "node")}, {"node2": "10.0.0.2"})
    assert problems(lambda: release(alone)) == ["it is unknown which color gets the traffic: node2: lost"]


# --- a release


def test_a_release_goes_to_the_idle_color_of_all_nodes() -> None:
    i = release(fleet())
    assert (i.verb, i.color, i.before, i.live, i.release, i.revision) == (
        "release",
        GREEN,
        ALL_BLUE,
        LIVE,
        NEW,
        REVISION,
    )
    assert i.nodes == (NodeInput("node1", OLD, True), NodeInput("node2", OLD, True))
    assert (i.members, i.missing, i.mend, i.cold, i.code_only) == (("node1", "node2"), (), (), False, False)


def test_a_node_whose_idle_color_does_not_run_is_noted() -> None:
    stopped = node(active={BLUE: True, GREEN: False})
    other = node(started={BLUE: LIVE, GREEN: LIVE})
    first = node(release={BLUE: LIVE, GREEN: None})
    i = release(fleet({"node1": stopped, "node2": other, "node3": first}))
    assert [(one.former, one.former_active) for one in i.nodes] == [(OLD, False), (OLD, False), (None, False)]


def test_a_live_link_that_lags_behind_is_mended() -> None:
    assert release(fleet({"node2": node(live=GREEN), "node3": node(live=None)})).mend == ("node2", "node3")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"provisioned": False}, "node2 is not provisioned for"),
        ({"filesystem": "fuseblk"}, "node2: /srv/shop is on fuseblk, where a rename is not known to be atomic"),
        ({"filesystem": ""}, "node2: /srv/shop is on an unknown file system"),
        ({"disk_mb": 99}, "node2 has 99 MiB of disk free, but room.disk_mb requires 100"),
        (
            {"disk_mb": 149, "release_mb": 50},
            "node2 has 149 MiB of disk free, but room.disk_mb requires 100, in addition to the 50",
        ),
        ({"inodes": 999}, "node2 has 999 inodes free, but room.inodes requires 1000"),
        (
            {"inodes": 1099, "release_inodes": 100},
            "node2 has 1099 inodes free, but room.inodes requires 1000, in addition to",
        ),
        ({"memory_mb": 199}, "node2 has 199 MiB of memory available, but 200 MiB are needed"),
        (
            {"memory_mb": 229, "rss_mb": {BLUE: 50, GREEN: 20}},
            "node2 has 229 MiB of memory available, but 230 MiB are needed",
        ),
        (
            {"release": {BLUE: OLD, GREEN: OLD}},
            f"the nodes disagree about the live release: node1 has {LIVE}, node2 has {OLD}",
        ),
    ],
)
def test_a_node_that_cannot_take_part_is_refused(changes: dict[str, Any], line: str) -> None:
    [found] = problems(lambda: release(fleet({"node2": node(**changes)})))
    assert found.startswith(line)


@pytest.mark.parametrize(
    "changes",
    [
        {"disk_mb": 150, "release_mb": 50},
        {"inodes": 1100, "release_inodes": 100},
        {"memory_mb": 230, "rss_mb": {BLUE: 50, GREEN: 20}},
        # the idle color's processes end first, so larger ones ask for nothing more
        {"memory_mb": 200, "rss_mb": {BLUE: 50, GREEN: 90}},
    ],
)
def test_a_node_with_just_enough_room_takes_part(changes: dict[str, Any]) -> None:
    assert "node2" in release(fleet({"node2": node(**changes)})).members


def test_a_node_that_is_not_provisioned_has_no_other_problem() -> None:
    bare = node(provisioned=False, filesystem="", disk_mb=0, inodes=0, memory_mb=0)
    assert len(problems(lambda: release(fleet({"node2": bare})))) == 1


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"filesystem": "fuseblk"}, "lb1: the switch's state is on fuseblk, where a rename is not known to be atomic"),
        ({"filesystem": ""}, "lb1: the switch's state is on an unknown file system"),
        (
            {"kept": Weights(5)},
            (
                "lb1: 0% of the traffic goes to green, but 5% would after a restart of the balancer: set both to the "
                "same weight, in the running balancer or in the file that the balancer reads at its start"
            ),
        ),
        ({"problems": ("a rule is wrong",)}, "lb1: a rule is wrong"),
    ],
)
def test_a_switch_with_a_problem_is_refused_by_all_verbs(changes: dict[str, Any], line: str) -> None:
    found = fleet(switches={"lb1": switch(barred=("node2",), **changes)})
    whole = fleet(switches={"lb1": switch(**changes)})
    for make in (lambda: release(whole), lambda: rollback(whole), lambda: rollback(whole, to=OLD), lambda: join(found)):
        assert problems(make)[0].startswith(line)


def test_a_switch_without_a_file_has_no_file_system() -> None:
    assert release(fleet(switches={"lb1": switch(filesystem=None)})).release == NEW


def test_every_problem_is_in_one_refusal() -> None:
    found = fleet({"node1": "lost", "node2": node(disk_mb=0, memory_mb=0)}, {"lb1": switch(problems=("first",))})
    assert [line.split(" ")[0] for line in problems(lambda: release(found, color=BLUE))] == [
        "node1:",
        # allow_missing, in the brackets behind node1
        "to",
        "lb1:",
        "node2",
        "node2",
        "--data",
    ]


@pytest.mark.parametrize(("live", "idle"), [(BLUE, GREEN), (GREEN, BLUE)])
def test_a_release_to_the_live_color_is_refused(live: Color, idle: Color) -> None:
    weights = Weights.all_to(live)
    found = fleet(switches={"lb1": switch(weights=weights, kept=weights)})
    assert release(found, color=idle).color is idle
    assert problems(lambda: release(found, color=live)) == [
        (
            f"--data color={live}: {live} is live, and a release always goes to the idle color: remove --data color, "
            f"or set it to {idle}"
        )
    ]


def test_a_release_that_exists_already_is_refused() -> None:
    found = fleet({"node2": node(releases=(OLD, LIVE, NEW))})
    assert problems(lambda: release(found))[0].startswith(f"release {NEW} exists already")


def test_code_only_needs_a_live_release() -> None:
    assert preflight.code(release(fleet())).code_only
    first = node(release={BLUE: None, GREEN: None})
    with pytest.raises(Refused, match="there is no live release whose"):
        preflight.code(release(fleet({"node1": first, "node2": first})))


# --- nodes that are left out


def lost(found: FleetState) -> FleetState:
    return replace(found, nodes={**found.nodes, "node2": "cannot be reached"})


def barred(found: FleetState) -> FleetState:
    return replace(found, switches={"lb1": switch(barred=("10.0.0.2",))})


def drained(found: FleetState) -> FleetState:
    return replace(found, switches={"lb1": switch(out=("node2",))})


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lost, "node2: cannot be reached (the run needs all nodes"),
        (barred, f"node2: is barred until it has joined (deploys/join.py --data node=node2; to {LEAVE}node2)"),
        (drained, f"node2: was taken out of lb1 by an operator (let the node in again; to {LEAVE}node2)"),
    ],
)
def test_an_absent_node_is_refused_or_left_out_by_name(change: Change, line: str) -> None:
    found = change(fleet())
    for make in (lambda: release(found), lambda: rollback(found, to="20251231T120000Z-ddddddd")):
        assert "; ".join(problems(make)).startswith(line)
    i = release(found, allow_missing=frozenset({"node2"}))
    assert i.missing == (Missing("node2", "10.0.0.2", change is barred),)
    assert (i.members, [one.name for one in i.nodes]) == (("node1",), ["node1"])


def test_a_node_may_be_barred_by_its_name() -> None:
    found = fleet(switches={"lb1": switch(barred=("node2",))})
    assert release(found, allow_missing=frozenset({"node2"})).missing[0].barred


def test_a_node_that_may_be_missing_but_is_there_takes_part() -> None:
    i = release(fleet(), allow_missing=frozenset({"node2"}))
    assert (i.missing, i.members) == ((), ("node1", "node2"))


def test_a_lost_node_that_is_a_switch_is_left_out_as_both() -> None:
    found = fleet({"node2": "lost"}, {"node1": switch(), "node2": "lost"})
    i = release(found, allow_missing=frozenset({"node2"}))
    assert [one.name for one in i.switches] == ["lb1", "node1"]


def test_the_link_of_a_node_left_out_decides_nothing() -> None:
    lagging = switch(weights=ALL_GREEN, kept=ALL_GREEN)
    found = fleet(switches={"lb1": switch(barred=("node2",)), "node2": lagging})
    assert release(found, allow_missing=frozenset({"node2"})).color is GREEN
    assert problems(lambda: release(found))[0].startswith("the switches disagree")


def test_an_unknown_node_cannot_be_left_out() -> None:
    with pytest.raises(UsageError, match=r"there is no node node8, node9 \(nodes: node1, node2\)"):
        release(fleet(), allow_missing=frozenset({"node9", "node8"}))


def test_a_release_to_no_node_is_refused() -> None:
    found = fleet({"node1": "lost", "node2": "lost"})
    names = frozenset({"node1", "node2"})
    assert problems(lambda: release(found, allow_missing=names)) == [
        "the run has no node left, because all nodes are left out: repair a node, or let a node in again"
    ]


# --- a rollback


def test_a_rollback_goes_to_the_warm_release() -> None:
    for i in (rollback(fleet()), rollback(fleet(), to=OLD)):
        assert (i.verb, i.color, i.before, i.live) == ("rollback", GREEN, ALL_BLUE, LIVE)
        assert (i.release, i.revision) == (OLD, "aaaaaaa")
        assert (i.cold, i.missing, i.mend) == (False, (), ())


def test_a_warm_rollback_does_not_wait_for_absent_nodes() -> None:
    found = fleet(
        {"node2": "lost", "node3": node(), "node4": node()}, {"lb1": switch(barred=("node3",), out=("node4",))}
    )
    i = rollback(found)
    assert [one.name for one in i.nodes] == ["node1", "node2", "node4"]
    assert i.members == ("node1", "node2")


def test_a_barred_node_does_not_decide_where_a_rollback_goes() -> None:
    new = node(release={BLUE: None, GREEN: None}, shrunk=frozenset({GREEN}), active={BLUE: True, GREEN: False})
    i = rollback(fleet({"node1": new, "node3": node()}, {"lb1": switch(barred=("10.0.0.1",))}))
    assert (i.cold, i.release, i.live, i.members) == (False, OLD, LIVE, ("node2", "node3"))


@pytest.mark.parametrize(
    ("nodes", "line"),
    [
        (
            {"node1": "lost", "node2": "lost"},
            "every node is barred or cannot be reached, so the idle color's release is unknown: run deploys/status",
        ),
        (
            dict.fromkeys(("node1", "node2"), node(release={BLUE: LIVE, GREEN: None})),
            "there is nothing to go back to: green never had a release",
        ),
        (
            {"node2": node(release={BLUE: LIVE, GREEN: None})},
            f"the nodes disagree about the release to go back to: node1 has {OLD}, node2 has none",
        ),
        (
            {"node2": node(active={BLUE: True, GREEN: False})},
            "green does not run its release on node2: run deploys/release.py instead",
        ),
        (
            {"node2": node(started={BLUE: LIVE, GREEN: NEW})},
            "green does not run its release on node2: run deploys/release.py instead",
        ),
    ],
)
def test_a_rollback_without_a_warm_release_is_refused(nodes: dict[str, NodeState | str], line: str) -> None:
    assert problems(lambda: rollback(fleet(nodes)))[0].startswith(line)


def test_a_rollback_to_a_kept_release_starts_it() -> None:
    kept = "20251231T120000Z-ddddddd"
    has = node(releases=(kept, OLD, LIVE))
    i = rollback(fleet({"node1": has, "node2": has}), to=kept)
    assert (i.cold, i.release, i.revision, i.color, i.live) == (True, kept, "ddddddd", GREEN, LIVE)
    assert [one.former for one in i.nodes] == [OLD, OLD]


def test_a_shrunk_color_is_started_before_it_gets_traffic() -> None:
    i = rollback(fleet({"node2": node(shrunk=frozenset({GREEN}))}))
    assert (i.cold, i.release) == (True, OLD)
    assert not rollback(fleet({"node2": node(shrunk=frozenset({BLUE}))})).cold


def test_a_rollback_to_an_unknown_release_names_what_is_kept() -> None:
    found = fleet({"node2": node(releases=())})
    assert problems(lambda: rollback(found, to=NEW)) == [
        f"node1 does not have release {NEW} (it has {OLD}, {LIVE}): name a release that all nodes have",
        f"node2 does not have release {NEW} (it has none): name a release that all nodes have",
    ]


def test_a_rollback_to_the_live_release_is_refused() -> None:
    assert problems(lambda: rollback(fleet(), to=LIVE)) == [f"release {LIVE} has the traffic already"]


def test_a_cold_rollback_can_leave_a_node_out() -> None:
    cold = node(active={BLUE: True, GREEN: False})
    i = rollback(fleet({"node1": cold, "node2": "lost"}), to=OLD, allow_missing=frozenset({"node2"}))
    assert (i.cold, i.members, [one.name for one in i.missing]) == (True, ("node1",), ["node2"])


def test_a_barred_node_takes_no_part_in_a_cold_rollback() -> None:
    seen = fleet(
        {"node1": node(restarted=frozenset({GREEN})), "node2": node(restarted=frozenset({GREEN}))},
        {"lb1": switch(barred=frozenset({"node2"}))},
    )
    i = rollback(seen)
    assert (i.cold, i.release, i.members, [one.name for one in i.missing]) == (True, OLD, ("node1",), ["node2"])
    assert any(line.startswith("node2: is barred") for line in problems(lambda: rollback(seen, to=OLD)))


# --- a node that comes back


def test_a_node_comes_back_with_the_releases_of_the_others() -> None:
    came = node(release={BLUE: OLD, GREEN: None}, releases=("died", OLD))
    i = join(fleet({"node2": came}, {"lb1": switch(barred=("10.0.0.2",))}))
    assert (i.verb, i.color, i.release, i.revision, i.live) == ("join", BLUE, LIVE, f"full-{LIVE}", LIVE)
    assert (i.nodes, i.members) == ((NodeInput("node2", OLD),), ("node1", "node2"))
    assert i.missing == (Missing("node2", "10.0.0.2", True),)
    plain = i.to_json()
    assert (plain["former_release"], plain["former_revision"]) == (OLD, f"full-{OLD}")
    assert list(plain["stale"]) == ["died"]


def test_a_color_that_the_others_never_used_stays_empty() -> None:
    others = node(release={BLUE: LIVE, GREEN: None})
    plain = join(fleet({"node1": others}, {"lb1": switch(barred=("node2",))})).to_json()
    assert (plain["former_release"], plain["former_revision"]) == (None, None)


def test_a_contract_names_no_option_to_leave_a_node_out() -> None:
    given = settings(database={"migrate": {"expand": "true", "contract": "true"}})
    with pytest.raises(Refused, match=r"node2: lost .* a contract cannot leave a node out") as refused:
        preflight.contract(fleet({"node2": "lost"}), given, NOW)
    assert "allow_missing" not in str(refused.value)


def test_findings_are_accepted_only_if_something_is_checked() -> None:
    asked, url = DatabaseAsked(accept=("drop-column-00000000",), reason="unused"), {"url": "env:X"}
    plain: dict[str, Any] = {"expand": "true", "contract": "true"}
    tried = settings(database=url | {"migrate": plain | {"redirect": {"DB": "{database}"}}})
    with pytest.raises(UsageError, match=r"neither database\.files nor .* so the release has no stage lint"):
        release(fleet(), settings=settings(database={"migrate": plain}), database=asked)
    with pytest.raises(UsageError, match=r"have no database\.files, so the contract has no stage lint"):
        preflight.contract(fleet(), tried, NOW, asked)
    for given in (tried, settings(database=url | {"files": "db"})):
        made = release(fleet(), settings=given, database=asked).database
        assert made is not None
        assert made.accept == asked.accept


def test_a_finding_is_accepted_at_the_database_that_has_it() -> None:
    given = settings(
        database={"url": "env:X", "files": "db"},
        databases={"stats": {"url": "env:Y", "files": "stats"}, "logs": {"migrate": {"expand": "a"}}},
    )
    asked = DatabaseAsked(accept=("drop-column-00000000", "stats:drop-table-00000000"), reason="unused")
    made = release(fleet(), settings=given, database=asked).database
    assert made is not None
    assert (made.accepted(""), made.accepted("stats"), made.accepted("logs")) == (
        ("drop-column-00000000",),
        ("drop-table-00000000",),
        (),
    )
    assert (made.marks, made.marked) == (True, ("stats",))
    for name in ("logs", "other"):
        wrong = DatabaseAsked(accept=(f"{name}:drop-table-00000000",), reason="unused")
        with pytest.raises(
            UsageError, match=rf"neither databases\.{name}\.files nor databases\.{name}\.migrate\.redirect"
        ):
            release(fleet(), settings=given, database=wrong)
    only = settings(databases={"stats": {"url": "env:Y", "files": "stats"}})
    with pytest.raises(UsageError, match=r"write its name before the id: stats:drop-column-98ddbf33"):
        release(fleet(), settings=only, database=DatabaseAsked(accept=("drop-column-00000000",), reason="unused"))


OUT = {"lb1": switch(barred=("node2",))}


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (fleet(), "node2 is not barred: the node takes part already"),
        (fleet({"node2": "lost"}, OUT), "node2: lost"),
        (
            fleet({"node1": "lost"}, OUT),
            "every other node is barred or cannot be reached, so the fleet's releases are unknown: repair another "
            "node, or let a node in again",
        ),
        (
            fleet({"node3": node(release={BLUE: LIVE, GREEN: LIVE})}, OUT),
            f"the nodes disagree about green's release: node1 has {OLD}, node3 has {LIVE}",
        ),
        (
            fleet({"node1": node(release={BLUE: None, GREEN: None})}, OUT),
            "blue has no release on the other nodes: run deploys/release.py first",
        ),
    ],
)
def test_a_node_that_cannot_come_back_is_refused(found: FleetState, line: str) -> None:
    assert problems(lambda: join(found)) == [line]


def test_a_node_that_was_never_provisioned_is_told_so() -> None:
    bare = {"node2": node(provisioned=False, filesystem="")}
    [line] = problems(lambda: join(fleet(bare)))
    assert line.startswith("node2 is not provisioned for orchestrator")
    assert problems(lambda: join(fleet(bare, OUT))) == [line]


def linked(**changes: NodeState) -> FleetState:
    """Two nodes that are the switches, and a third without a link."""
    nodes = {"node1": node(), "node2": node(), "node3": node(live=None, release={BLUE: None, GREEN: None})}
    switches: dict[str, Seen | str] = {"node1": switch(), "node2": switch(), "node3": "its live link names no color"}
    return replace(fleet(nodes | changes), switches=switches, kinds=dict.fromkeys(nodes, ("node", "node")))


def test_a_node_without_its_own_link_is_barred() -> None:
    assert linked().barred == {"node3"}
    line = "node3: is barred until it has joined (deploys/join.py --data node=node3"
    assert problems(lambda: release(linked())) == [line, f"to {LEAVE}node3)"]
    assert [one.name for one in rollback(linked()).nodes] == ["node1", "node2"]
    i = join(linked(), "node3")
    assert (i.color, i.release, [one.name for one in i.switches]) == (BLUE, LIVE, ["node1", "node2"])
    # nothing was provisioned there, so nothing is barred yet
    assert linked(node3=node(live=None, provisioned=False)).barred == set()
    # behind a balancer the link moves no traffic
    assert fleet({"node2": node(live=None)}).barred == set()


def test_other_barred_nodes_do_not_say_what_the_fleet_has() -> None:
    found = fleet({"node3": node(release={BLUE: OLD, GREEN: None})}, {"lb1": switch(barred=("node2", "node3"))})
    assert join(found).members == ("node1", "node2")


def test_an_unknown_node_cannot_come_back() -> None:
    with pytest.raises(UsageError, match=r"there is no node node9 \(nodes: node1, node2\)"):
        join(fleet(), "node9")


# --- an Auto Scaling group


STILL = Group("shop", {"i-1": "InService"})
MOVING = Group("shop", {"i-1": "Pending"})


@pytest.mark.parametrize(
    ("group", "line"),
    [("AWS did not answer", "AWS did not answer"), (MOVING, "i-1 is Pending in the Auto Scaling group shop")],
)
def test_a_group_that_is_not_still_is_refused(group: Group | str, line: str) -> None:
    found = fleet(group=group)
    out = fleet(switches=OUT, group=group)
    assert problems(lambda: release(found, settings=SCALED)) == [line]
    assert problems(lambda: preflight.rollback(found, SCALED, "20251231T120000Z-ddddddd"))[0] == line
    assert problems(lambda: join(out, given=SCALED)) == [line]
    # a warm rollback does not look at the group, and a join only if it suspends the group
    assert preflight.rollback(found, SCALED).release == OLD
    assert join(out).release == LIVE


@pytest.mark.parametrize(("given", "suspends"), [(SCALED, True), (settings(), False)])
def test_the_group_is_suspended_if_the_settings_say_so(given: Settings, suspends: bool) -> None:
    plain = release(fleet(group=STILL), settings=given).to_json()
    assert ("Launch" in plain["scaling"]) is suspends
    assert list(plain["instances"]) == ["i-1"]


@pytest.mark.parametrize("change", ["shrunk", "restarted"])
def test_a_cold_color_is_warmed_before_it_gets_traffic(change: str) -> None:
    cold: dict[str, Any] = {change: frozenset({GREEN})}
    i = rollback(fleet({"node1": node(), "node2": node(**cold)}))
    assert i.cold
    assert i.release == OLD
    assert not rollback(fleet({"node2": node(**{change: frozenset({BLUE})})})).cold, (
        "the live color gets warm by itself"
    )
