"""The Auto Scaling group during a run: suspended and resumed exactly, or watched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from orchestrator.aws import scaling
from orchestrator.aws.api import Account
from orchestrator.aws.instances import Instance, TargetGroup, ask_sources, cross_check
from orchestrator.aws.scaling import PROCESSES, Changes, Group, advice, changes, risks, to_bar, to_suspend, unrest
from orchestrator.aws.target_groups import BARRED, Target
from orchestrator.errors import OrchestratorError, UsageError
from tests.aws.cloud import PORTS, REFRESHES, TAGS, Cloud, client

NAME = Cloud.GROUP


@pytest.fixture
def stub() -> Iterator[Stubber]:
    with Stubber(client("autoscaling", None)) as stub:
        yield stub
        stub.assert_no_pending_responses()


# --- suspended and resumed


def test_exactly_what_was_suspended_is_resumed(cloud: Cloud) -> None:
    cloud.autoscaling.suspend_processes(AutoScalingGroupName=NAME, ScalingProcesses=["AlarmNotification", "Launch"])
    autoscaling = Account().autoscaling()
    ours = to_suspend(scaling.see(autoscaling, NAME))
    assert set(ours) == set(PROCESSES) - {"AlarmNotification", "Launch"}
    scaling.suspend(autoscaling, NAME, ours)
    assert cloud.suspended == set(PROCESSES)
    # twice: settling a run repeats it
    scaling.resume(autoscaling, NAME, ours)
    scaling.resume(autoscaling, NAME, ours)
    assert cloud.suspended == {"AlarmNotification", "Launch"}


def test_a_process_that_was_never_suspended_may_be_resumed(cloud: Cloud) -> None:
    scaling.resume(Account().autoscaling(), NAME, PROCESSES)
    assert cloud.suspended == set()


def test_none_is_not_all(cloud: Cloud) -> None:
    cloud.autoscaling.suspend_processes(AutoScalingGroupName=NAME)
    autoscaling = Account().autoscaling()
    ours = to_suspend(scaling.see(autoscaling, NAME))
    assert ours == ()
    scaling.resume(autoscaling, NAME, ours)
    assert cloud.suspended == set(PROCESSES)
    cloud.autoscaling.resume_processes(AutoScalingGroupName=NAME)
    scaling.suspend(autoscaling, NAME, ())
    assert cloud.suspended == set()


@pytest.mark.parametrize("call", ["suspend", "resume"])
def test_another_change_of_the_group_is_waited_for(call: str, stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("orchestrator.aws.scaling.time.sleep", waits.append)
    asked = {"AutoScalingGroupName": NAME, "ScalingProcesses": ["Launch"]}
    for _ in range(2):
        stub.add_client_error(f"{call}_processes", "ResourceContention", "Pending update.", expected_params=asked)
    stub.add_response(f"{call}_processes", {}, asked)
    getattr(scaling, call)(stub.client, NAME, ["Launch"])
    assert waits == [1.0, 1.0]


def test_giving_up_is_an_error_of_one_line(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.aws.scaling.time.sleep", lambda seconds: None)
    for _ in range(scaling.TRIES):
        stub.add_client_error("resume_processes", "ResourceContention", "Pending update.")
    with pytest.raises(OrchestratorError, match=r"^Auto Scaling group shop-prod: ResourceContention: Pending"):
        scaling.resume(client("autoscaling", None), NAME, ["Launch"])


def test_a_refusal_is_one_line_at_once(stub: Stubber) -> None:
    stub.add_client_error("suspend_processes", "AccessDenied", "User is not\nauthorized.")
    with pytest.raises(
        OrchestratorError, match=r"^Auto Scaling group shop-prod: not allowed \(User is not authorized\.\)"
    ):
        scaling.suspend(client("autoscaling", None), NAME, ["Launch"])


# --- looks


def test_a_group_as_aws_has_it(cloud: Cloud) -> None:
    autoscaling = Account().autoscaling()
    assert scaling.see(autoscaling, NAME) == Group(NAME, dict.fromkeys(cloud.ids, "InService"))
    REFRESHES[:] = [{"Status": "Successful"}, {"Status": "InProgress"}]
    try:
        assert scaling.see(autoscaling, NAME).refreshing == "InProgress"
    finally:
        REFRESHES.clear()
    with pytest.raises(UsageError, match="there is no Auto Scaling group nowhere"):
        scaling.see(autoscaling, "nowhere")


def test_a_run_does_not_begin_while_instances_come_and_go() -> None:
    states = {
        "i-1": "InService",
        "i-2": "Standby",
        "i-3": "Pending:Wait",
        "i-4": "Terminating",
        "i-5": "Warmed:Stopped",
        "i-6": "Quarantined",
    }
    assert unrest(Group(NAME, states, refreshing="Baking")) == [
        "i-3 is Pending:Wait in the Auto Scaling group shop-prod",
        "i-4 is Terminating in the Auto Scaling group shop-prod",
        "i-6 is Quarantined in the Auto Scaling group shop-prod",
        "an instance refresh of the Auto Scaling group shop-prod is Baking",
    ]
    assert unrest(Group(NAME, {"i-1": "InService"})) == []


def test_elb_health_checks_are_a_risk_if_the_group_is_active() -> None:
    by_elb = Group(NAME, {}, checks="ELB")
    assert risks(by_elb, suspended=True) == risks(Group(NAME, {}), suspended=False) == []
    assert "may be replaced because its idle color restarts" in risks(by_elb, suspended=False)[0]


# --- instances that came and went


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (["i-1", "i-2"], ["i-2", "i-1"], Changes()),
        (["i-1"], ["i-3", "i-1", "i-2"], Changes(came=("i-2", "i-3"))),
        (["i-1", "i-2"], ["i-1"], Changes(went=("i-2",))),
        (["i-1"], ["i-2"], Changes(("i-2",), ("i-1",))),
        ([], [], Changes()),
    ],
)
def test_changes(before: list[str], now: list[str], expected: Changes) -> None:
    assert changes(before, now) == expected
    assert bool(expected) == (set(before) != set(now))


def test_the_advice_says_what_the_operator_must_do() -> None:
    came, went = advice(Changes(("i-2",), ("i-1",)))
    assert came.startswith("i-2 was added during the run")
    assert "deploys/join.py --data node=i-2" in came
    assert went.startswith("i-1 was removed during the run")


def test_a_new_instance_is_deregistered_wherever_it_is() -> None:
    tagged = {f"i-{number}": Instance(f"i-{number}", f"10.0.0.{number}", None) for number in (1, 2, 3)}
    blue = TargetGroup("blue", "instance", 8081, frozenset({Target("i-1", 8081), Target("i-2", 8081)}), "arn:blue")
    green = TargetGroup("green", "ip", 8082, frozenset({Target("10.0.0.1", 8082), Target("10.0.0.2", 80)}), "arn:green")
    assert to_bar(["i-2", "i-3", "i-9"], tagged, [blue, green]) == [
        ("arn:blue", Target("i-2", 8081)),
        ("arn:green", Target("10.0.0.2", 80)),
    ]


def test_a_scale_out_during_a_run(cloud: Cloud) -> None:
    before = cloud.ids
    cloud.resize(5)
    for id in set(cloud.ids) - set(before):
        cloud.register(id)
    groups = {cloud.arns[color]: port for color, port in PORTS.items()}
    now = scaling.see(Account().autoscaling(), NAME)
    seen = changes(before, now.instances)
    assert (len(seen.came), seen.went) == (2, ())
    found = ask_sources(Account(), TAGS, NAME, groups)
    places = to_bar(seen.came, found.tagged, found.targets)
    assert len(places) == 4
    for _ in range(2):
        # the second time there is nothing to do
        scaling.bar(Account().elb(), to_bar(seen.came, found.tagged, found.targets), list(groups))
        found = ask_sources(Account(), TAGS, NAME, groups)
    assert {member.id for group in found.targets for member in group.members} == set(before)
    # they are barred now, which the switch recognises, so they are part of the fleet
    for described in cloud.elb.describe_tags(ResourceArns=list(groups))["TagDescriptions"]:
        assert {tag["Key"] for tag in described["Tags"]} == {BARRED + id for id in seen.came}
    assert cross_check(found.tagged, found.in_group, found.targets) == []


def test_a_scale_in_during_a_run(cloud: Cloud) -> None:
    before = cloud.ids
    cloud.resize(2)
    assert len(changes(before, scaling.see(Account().autoscaling(), NAME).instances).went) == 1
