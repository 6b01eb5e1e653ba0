"""Runs with settings that provisioning has not applied."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator import __version__, verbs
from orchestrator.config import Settings, load
from orchestrator.errors import Refused
from orchestrator.fleet import Fleet
from orchestrator.options import Options
from orchestrator.survey import survey
from tests.fakes.world import World

LINES = [
    "node1, node2, node3: web.trusted_proxies has changed since the last provisioning: run deploys/provision.py",
    "haproxy: switches.haproxy.sticky was added since the last provisioning: run deploys/provision.py",
]


def changed(world: World) -> Settings:
    """Settings with another trusted proxy for the nodes, and a sticky cookie at HAProxy."""
    raw: dict[str, Any] = world.settings
    haproxy, *others = raw["switches"]
    switches = [{**haproxy, "sticky": {"cookie": "SRV"}}, *others]
    return load({**raw, "switches": switches, "web": {"trusted_proxies": ["10.9.9.9"]}})


def not_provisioned(world: World) -> Fleet:
    """The fleet of the world's own settings, as a run with the changed settings meets it."""
    world.fleet()
    return world.fleet(changed(world), provisioned=False)


@pytest.mark.exhaustive
def test_a_release_is_refused_with_the_list(released: World) -> None:
    before = released.snapshot()
    fleet = not_provisioned(released)
    with pytest.raises(Refused) as refused:
        verbs.release(fleet, Options(ref="v1"))
    assert str(refused.value).split("; ") == LINES
    with pytest.raises(Refused) as planned:
        verbs.show_plan(fleet, "release", Options(ref="v1"), verbose=False, as_json=False)
    assert str(planned.value) == str(refused.value)
    assert released.snapshot() == before
    assert verbs.release(released.fleet(changed(released)), Options(ref="v1")) == 0


@pytest.mark.exhaustive
def test_a_rollback_to_a_warm_release_goes_on(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = not_provisioned(released)
    verbs.show_plan(fleet, "rollback", Options(), verbose=False, as_json=False)
    shown = capsys.readouterr().err
    assert verbs.rollback(fleet, Options()) == 0
    said = capsys.readouterr().err
    for line in LINES:
        assert f"risk: {line}" in shown
        assert f"warning: {line}" in said
    kept = released.releases("node1")[0]
    with pytest.raises(Refused, match=r"web\.trusted_proxies has changed since the last provisioning"):
        verbs.rollback(fleet, Options(to=kept))


@pytest.mark.exhaustive
def test_an_abort_goes_on(released: World) -> None:
    before = released.snapshot()
    assert verbs.release(released.fleet(), Options(ref="v1", until="preview")) == 0
    assert verbs.abort(not_provisioned(released), Options()) == 0
    after = released.snapshot()
    assert {name: after[name] for name in released.balancers} == {name: before[name] for name in released.balancers}


def test_hosts_of_an_earlier_version_are_refused(released: World) -> None:
    fleet = released.fleet()
    for name in (*released.nodes, *released.balancers):
        released.digests(name).unlink()
    before = released.snapshot()
    hosts = "node1, node2, node3, haproxy, nginx"
    line = f"{hosts}: last provisioned by an earlier version of this tool: run deploys/provision.py"
    for verb, options in ((verbs.release, Options(ref="v1")), (verbs.rollback, Options())):
        with pytest.raises(Refused, match=line):
            verb(fleet, options)
    assert released.snapshot() == before


def test_the_digests_come_with_the_one_look_at_each_host(released: World) -> None:
    fleet = released.fleet()
    released.commands.clear()
    found = survey(fleet)
    assert sorted(name for name, _ in released.commands) == sorted([*released.nodes, *released.balancers])
    told = {name: state.digests for name, state in found.node_states.items()}
    told |= {name: seen.digests for name, seen in found.seen.items()}
    assert told == {name: {"orchestrator": __version__, **digests} for name, digests in found.wanted.items()}
