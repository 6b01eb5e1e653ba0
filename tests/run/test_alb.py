"""Whole runs on ``@fake`` hosts behind an ALB: corrected moto as its API, and addresses that adopt its rule late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.elbv2.models import elbv2_backends

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.errors import NotUndone
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.run import data_plane
from orchestrator.switches.alb.switch import Alb
from tests.alb.control import REGION, Control, Names, network_of, set_up
from tests.aws.cloud import client
from tests.fakes.world import World
from tests.run.conftest import connected
from tests.run.faults import before, failing_at

pytestmark = pytest.mark.exhaustive

STARTS = 'systemctl restart "$target"'


class Balancer:
    """An ALB whose two addresses each have a rule of their own: the API's, unless the address is frozen."""

    def __init__(self, world: World, control: Control, elb: Any, names: Names) -> None:
        self.world, self.control, self.elb, self.names = world, control, elb, names
        self._frozen: dict[str, dict[Color, int]] = {}
        self.restarted: list[str] = []

    @property
    def rule(self) -> dict[Color, int]:
        """Color -> weight in the rule; a detached color is left out."""
        backend = elbv2_backends[ACCOUNT][REGION]
        [rule] = [one for one in backend.describe_rules(None, [self.names.rule]) if one.arn == self.names.rule]
        colors = {self.names.blue: Color.blue, self.names.green: Color.green}
        config = rule.actions[-1].data["ForwardConfig"]["TargetGroups"]
        return {colors[one["TargetGroupArn"]]: int(one["Weight"]) for one in config}

    def freeze(self, address: str) -> None:
        self._frozen[address] = self.rule

    def thaw(self) -> None:
        self._frozen.clear()

    def at(self, address: str) -> dict[Color, int]:
        return self._frozen.get(address, self.rule)

    def gets_requests(self, color: Color) -> bool:
        return any(self.at(address).get(color) for address in ("a", "b"))

    def ask(self, url: str, token: str, *more: Any) -> data_plane.Answer:
        weights = self.at(url.split("//")[1][0])
        color = max(weights, key=lambda color: weights[color])
        return data_plane.Answer(self.world.release("node1", color), None)


@pytest.fixture
def alb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Balancer]:
    """Two nodes behind an ALB. No color that an address sends requests to is ever restarted."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    world, control = connected(World(tmp_path / "world", nodes=2, balancers=()), monkeypatch), Control()
    with mock_aws(), control.corrected():
        elb = client("elbv2", None)
        made = Balancer(world, control, elb, set_up(elb, network_of(client("ec2", None)), ["10.77.0.1", "10.77.0.2"]))
        monkeypatch.setattr(data_plane, "ask", made.ask)
        monkeypatch.setattr(Alb, "_until", lambda self, look, patience: look())
        answer = world.answer

        def watched(connector: Any, command: str, stdin: str = "") -> Any:
            if STARTS in command:
                [color] = [color for color in Color if f"shop-{color}.target" in command]
                assert not made.gets_requests(color), f"{color} is restarted while it gets requests"
                made.restarted.append(connector.host.name)
            return answer(connector, command, stdin)

        monkeypatch.setattr(world, "answer", watched)
        yield made


def fleet(alb: Balancer, **changes: Any) -> Fleet:
    """The fleet of a new process."""
    names = {"rule": alb.names.rule, "blue": alb.names.blue, "green": alb.names.green}
    section = {"kind": "alb", "urls": ["http://a.test/", "http://b.test/"], "quiet": 0, **names}
    made = alb.world.fleet(load(alb.world.settings | {"switches": [section]} | changes))
    switch = made.apis["alb"]
    assert isinstance(switch, Alb)
    switch.members = {"node1": "10.77.0.1", "node2": "10.77.0.2"}
    switch.sleep = lambda seconds: None
    switch._elb.__dict__["_elb"] = alb.elb
    return made


def release(alb: Balancer, ref: str, **changes: Any) -> int:
    return verbs.release(fleet(alb, **changes), Options(ref=ref))


def test_an_expired_token_stops_the_undo_until_the_next_command(
    alb: Balancer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert release(alb, "v1") == 0
    assert alb.rule == {Color.blue: 0, Color.green: 100}
    former = alb.world.snapshot()

    def expire() -> None:
        alb.control.expired = True
        alb.restarted.clear()

    with monkeypatch.context() as here:
        failing_at(here, "verify", expire)
        assert release(alb, "v2") == 4
    said = capsys.readouterr().err
    assert "NOT UNDONE on alb: ModifyRule" in said or "NOT UNDONE on alb: DescribeRules" in said
    assert "the AWS credentials have expired" in said
    assert "the undo stopped before `verify old`" in said
    assert alb.restarted == []
    with pytest.raises(NotUndone, match="the undo stopped before `verify old`"):
        verbs.abort(fleet(alb), Options())
    assert alb.restarted == []

    alb.control.expired = False
    assert verbs.abort(fleet(alb), Options()) == 0
    assert alb.world.snapshot() == former
    assert alb.rule == {Color.blue: 0, Color.green: 100}


def test_an_address_that_does_not_go_back_stops_the_undo(
    alb: Balancer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert release(alb, "v1") == 0
    former = alb.world.snapshot()

    def freeze() -> None:
        alb.freeze("b")
        alb.restarted.clear()

    with monkeypatch.context() as here:
        failing_at(here, "verify", freeze)
        assert release(alb, "v2") == 4
    said = capsys.readouterr().err
    # the API says that all traffic is back, but one address sends its own to the new release
    assert alb.rule == {Color.blue: 0, Color.green: 100}
    assert "still answers" in said
    assert "the undo stopped before `quiet`" in said
    assert alb.restarted == []
    alb.thaw()
    assert verbs.abort(fleet(alb), Options()) == 0
    assert alb.world.snapshot() == former


def turned_on(alb: Balancer) -> Callable[[], None]:
    """Stickiness that somebody turns on."""

    def change() -> None:
        actions = alb.elb.describe_rules(RuleArns=[alb.names.rule])["Rules"][0]["Actions"]
        actions[-1]["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 60}
        alb.elb.modify_rule(RuleArn=alb.names.rule, Actions=actions)

    return change


@pytest.mark.parametrize("action", ["ready", pytest.param("shift", marks=pytest.mark.slow)])
def test_stickiness_that_is_turned_on_during_a_release_undoes_it(
    alb: Balancer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    assert release(alb, "v1") == 0
    former = alb.world.snapshot()
    with monkeypatch.context() as here:
        before(here, action, turned_on(alb))
        assert release(alb, "v2") == 1
    assert "stickiness of the action forward was off and is 60 s now; find out which" in capsys.readouterr().err
    assert alb.world.snapshot() == former
    assert alb.rule == {Color.blue: 0, Color.green: 100}


def test_a_release_asks_the_rule_no_more_often_than_it_must(alb: Balancer) -> None:
    sent: list[str] = []
    alb.elb.meta.events.register(
        "before-call.elastic-load-balancing-v2", lambda model, **given: sent.append(model.name)
    )
    assert release(alb, "v1") == 0
    # read, arm, shift and its reading back; nothing before `quiet` and `start`
    assert sent.count("DescribeRules") == 4
    assert sent.count("ModifyRule") == 2
    # read, gate (blue is no target of this release), and the refusals of arm and shift
    assert sent.count("DescribeTargetHealth") == 2 + 1 + 2 + 2
