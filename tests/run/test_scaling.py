"""Runs of a fleet whose nodes an Auto Scaling group makes: suspended and resumed exactly, or watched; announced."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.autoscaling.models import AutoScalingBackend

from orchestrator import verbs
from orchestrator.aws.announce import Announcement, read
from orchestrator.aws.api import Account
from orchestrator.aws.scaling import PROCESSES, Changes, Group
from orchestrator.aws.target_groups import BARRED
from orchestrator.config import load
from orchestrator.errors import Interrupted, NotUndone, Refused
from orchestrator.fleet import Fleet
from orchestrator.journal import session
from orchestrator.journal.records import RunRecord
from orchestrator.journal.session import Session
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.plan.inputs import Inputs, ScalingInput
from orchestrator.plan.steps import Step
from orchestrator.run.announce import announce, announcement
from orchestrator.run.executor import Executor
from orchestrator.run.scaling import moved, who
from orchestrator.run.walk import Result
from orchestrator.stages import plan
from orchestrator.stages.scaling import newcomers
from orchestrator.verbs.session import open_store
from tests.aws.cloud import Cloud
from tests.aws.conftest import aws, cloud, environment  # noqa: F401
from tests.fakes.world import World
from tests.run.conftest import connected

pytestmark = pytest.mark.exhaustive

URL = f"s3://{Cloud.BUCKET}/shop/live.json"
BY_OPERATOR = ["AlarmNotification"]


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture(scope="module")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nodes after a release (green, live), behind one balancer."""
    path = tmp_path_factory.mktemp("scaling")
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = connected(World(path / "world", nodes=2, balancers=("haproxy",)), monkeypatch)
        assert verbs.release(made.fleet(), Options(ref="v1")) == 0
    shutil.copytree(path / "world", path / "kept", symlinks=True)
    WORLDS[path / "kept"] = made
    return path / "kept"


WORLDS: dict[Path, World] = {}


@pytest.fixture
def world(_kept: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = WORLDS[_kept]
    shutil.rmtree(made.path)
    shutil.copytree(_kept, made.path, symlinks=True)
    return connected(made, monkeypatch)


@pytest.fixture
def group(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:  # noqa: F811
    """A group of three instances, in which the operator has suspended one process."""
    monkeypatch.setattr("orchestrator.aws.scaling.time.sleep", lambda seconds: None)
    cloud.autoscaling.suspend_processes(AutoScalingGroupName=Cloud.GROUP, ScalingProcesses=BY_OPERATOR)
    cloud.s3.create_bucket(Bucket=Cloud.BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield cloud
    assert cloud.suspended == set(BY_OPERATOR), "not as it was before the test"


def fleet(world: World, suspend: bool = True, **more: Any) -> Fleet:
    scaling = {"group": Cloud.GROUP, "suspend": suspend, "live": URL}
    return world.fleet(load({**world.settings, "scaling": scaling, **more}))


def release(world: World, **options: Any) -> int:
    return verbs.release(fleet(world), Options(ref="v2", **options))


def announced(cloud: Cloud) -> Announcement:  # noqa: F811
    found = read(cloud.s3, URL)
    assert found is not None
    return found


class At:
    """Make something happen before, or after, the first step of an action."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, action: str, happens: Callable[[], None], after: bool = False):
        self.met = False
        one = Executor._one

        def watched(this: Executor, step: Step, undoing: bool) -> Result:
            here = not undoing and not self.met and action == step.action.name
            if here:
                self.met = True
            if here and not after:
                happens()
            result = one(this, step, undoing)
            if here and after:
                happens()
            return result

        monkeypatch.setattr(Executor, "_one", watched)


def raises(error: BaseException) -> Callable[[], None]:
    def happens() -> None:
        raise error

    return happens


def refuse(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Make AWS refuse a call."""

    def no(self: object, *arguments: object, **more: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "No."}}, call)

    monkeypatch.setattr(AutoScalingBackend, call, no)


# --- suspended


def test_suspended_while_nodes_are_touched_and_resumed_exactly(
    world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[set[str], Announcement]] = []
    At(monkeypatch, "quiet", lambda: seen.append((group.suspended, announced(group))))
    At(monkeypatch, "prune", lambda: seen.append((group.suspended, announced(group))))
    before = {color: world.release("node1", color) for color in Color}
    assert release(world) == 0
    assert [suspended for suspended, _ in seen] == [set(PROCESSES)] * 2
    assert all((told.busy, told.live) == (True, Color.green) for _, told in seen)
    first = seen[0][1]
    assert (first.blue, first.green and first.green.release) == (None, before[Color.green])
    now = announced(group)
    assert (now.busy, now.live, now.app) == (False, Color.blue, "shop")
    assert now.blue is not None
    assert now.green == first.green
    assert now.blue.release == world.release("node1", Color.blue)
    assert len(now.blue.revision) == 40


def test_a_failure_resumes_and_announces_what_is_true(world: World, group: Cloud) -> None:
    before = world.snapshot()
    world.break_("node1", "health")
    assert release(world) == 1
    assert world.snapshot() == before
    now = announced(group)
    assert (now.busy, now.live, now.blue) == (False, Color.green, None)
    assert now.green is not None


@pytest.mark.parametrize("action", ["scaling", "verify"])
def test_an_interrupt_resumes(world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    At(monkeypatch, action, raises(Interrupted(15, "SIGTERM")), after=True)
    assert release(world) == 143
    assert not announced(group).busy


def test_an_instance_that_came_during_suspend_undoes_the_run(
    world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = world.snapshot()
    At(monkeypatch, "scaling", lambda: group.resize(4))
    assert release(world) == 1
    assert world.snapshot() == before
    (came,) = set(group.ids) - set(_inputs(world)["instances"])
    assert f"{came} came to the Auto Scaling group shop-prod just now; repeat the command" in capsys.readouterr().err
    assert release(world) == 0


def _inputs(world: World) -> dict[str, Any]:
    runs = open_store(fleet(world)).read().runs
    return next(dict(record["inputs"]) for run in reversed(runs) for record in run if record["record"] == "inputs")


class Death:
    """Kills at a point around the records and steps of a stage about the group."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.at, self.points = at, 0
        append, one = Session.append, Executor._one

        def dying_append(this: Session, records: Sequence[RunRecord], last: bool = False) -> None:
            ours = any(getattr(record, "stage", "") in ("suspend", "resume scaling") for record in records)
            self.point(ours)
            append(this, records, last)
            self.point(ours)

        def dying_one(this: Executor, step: Step, undoing: bool) -> Result:
            ours = step.action.name == "scaling"
            self.point(ours)
            result = one(this, step, undoing)
            self.point(ours)
            return result

        monkeypatch.setattr(Session, "append", dying_append)
        monkeypatch.setattr(Executor, "_one", dying_one)
        monkeypatch.setattr(Session, "give_back", lambda this: this._renewing and this._renewing.kill())

    def point(self, ours: bool) -> None:
        self.points += ours
        if ours and self.points == self.at:
            raise Killed


POINTS = 12


def deaths() -> list[Any]:
    """Every point, each with one of the commands that may follow; test_properties.py has all points of all runs."""
    follow = ("abort", "release", "resume", "rollback")
    return [
        pytest.param(at, follow[at % 4], marks=[] if at in (3, 4, 10) else [pytest.mark.slow])
        for at in range(1, POINTS + 1)
    ]


@pytest.mark.parametrize(("at", "then"), deaths())
def test_after_a_kill_the_next_command_resumes_the_group(
    world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch, at: int, then: str
) -> None:
    monkeypatch.setattr(session, "LEASE", 0.0)
    with monkeypatch.context() as dying:
        Death(dying, at)
        with pytest.raises(Killed):
            release(world)
    # after the first release no rollback is possible, but the open run is settled before the rollback is refused
    with suppress(Refused) if then == "rollback" else nullcontext():
        assert verbs.VERBS[then](fleet(world), Options(ref="v2")) == 0
    assert group.suspended == set(BY_OPERATOR)
    assert not announced(group).busy


@pytest.mark.slow
def test_a_run_comes_to_so_many_points(world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    death = Death(monkeypatch, 0)
    assert release(world) == 0
    assert death.points == POINTS


@pytest.mark.parametrize("then", ["promote", "abort"])
def test_a_run_that_waits_keeps_it_suspended_and_says_so(
    world: World, group: Cloud, then: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert release(world, until="preview") == 0
    assert group.suspended == set(PROCESSES)
    assert "until then the Auto Scaling group stays suspended" in capsys.readouterr().err
    assert announced(group).busy
    assert verbs.show_status(fleet(world), Options()) == 0
    said = capsys.readouterr().out
    assert "until then the Auto Scaling group stays suspended" in said
    assert "scaling      shop-prod: 3 instances, suspended: AZRebalance, AddToLoadBalancer" in said
    assert verbs.VERBS[then](fleet(world), Options()) == 0
    now = announced(group)
    assert (now.busy, now.live) == (False, Color.blue if then == "promote" else Color.green)


def test_the_next_command_resumes_what_could_not_be_resumed(
    world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as broken:
        refuse(broken, "resume_processes")
        assert release(world) == 0
        assert "warning: operator: Auto Scaling group shop-prod: not allowed (No.)" in capsys.readouterr().err
        with pytest.raises(NotUndone, match="Auto Scaling group shop-prod: not allowed"):
            release(world)
        assert group.suspended == set(PROCESSES)
        # a rollback goes on, whatever AWS answers about the group
        assert verbs.rollback(fleet(world), Options()) == 0
        assert world.weight("haproxy") == 100
        assert group.suspended == set(PROCESSES)
        before = world.snapshot()
        with pytest.raises(NotUndone):
            verbs.resume(fleet(world), Options())
        assert world.snapshot() == before
    assert verbs.resume(fleet(world), Options()) == 0


def test_a_rollback_neither_asks_nor_suspends(world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    assert release(world) == 0
    calls: list[str] = []
    client = Account._client

    def noted(this: Account, service: str) -> Any:
        calls.append(service)
        return client(this, service)

    monkeypatch.setattr(Account, "_client", noted)
    assert verbs.rollback(fleet(world), Options()) == 0
    assert calls == ["s3", "s3"]


def test_a_changing_or_unreadable_group_refuses_a_release(
    world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as restless:
        restless.setattr("orchestrator.aws.scaling.unrest", lambda group: ["i-1 is Pending"])
        with pytest.raises(Refused, match="i-1 is Pending"):
            release(world)
    with monkeypatch.context() as broken:
        refuse(broken, "describe_auto_scaling_groups")
        with pytest.raises(Refused, match="Auto Scaling group shop-prod: not allowed"):
            release(world)


def test_a_join_suspends_the_group(world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    (world.path / "haproxy/barred").write_text("node2\n")
    seen: list[set[str]] = []
    At(monkeypatch, "fetch", lambda: seen.append(group.suspended))
    assert verbs.join(fleet(world), Options(node="node2")) == 0
    assert seen == [set(PROCESSES)]
    now = announced(group)
    assert (now.busy, now.live, now.blue) == (False, Color.green, None)
    assert now.green is not None
    assert now.green.release == world.release("node2", Color.green)


def test_scaling_is_journaled_and_an_older_journal_is_read(world: World, group: Cloud) -> None:
    _, i = verbs.inputs(fleet(world), "release", Options(ref="v2"))
    assert i.scaling.suspended == tuple(process for process in PROCESSES if process not in BY_OPERATOR)
    assert i.scaling.instances == tuple(group.ids)
    data = json.loads(json.dumps(i.to_json()))
    assert Inputs.from_json(data, i.settings) == i
    del data["scaling"], data["instances"]
    older = Inputs.from_json(data, i.settings)
    assert older.scaling == ScalingInput()
    assert not {"suspend", "resume scaling"} & {stage.name for stage in plan(older).stages}


# --- watched


@pytest.mark.slow
def test_instances_that_came_and_went_are_warnings(
    world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    went = group.ids[0]

    def change() -> None:
        group.autoscaling.terminate_instance_in_auto_scaling_group(
            InstanceId=went, ShouldDecrementDesiredCapacity=False
        )

    before = set(group.ids)
    At(monkeypatch, "verify", change)
    assert verbs.release(fleet(world, suspend=False), Options(ref="v2")) == 0
    (came,) = set(group.ids) - before
    said = capsys.readouterr().err
    assert said.count(f"warning: operator: {came} was added during the run") == 2
    assert said.count(f"warning: operator: {went} was removed during the run") == 2


@pytest.mark.slow
def test_a_new_instance_is_taken_from_both_target_groups(world: World, group: Cloud) -> None:
    alb = {"kind": "alb", "rule": group.rule, "blue": group.arns["blue"], "green": group.arns["green"]}
    switches = [*world.settings["switches"], {**alb, "urls": ["http://alb.test/"]}]
    watching = fleet(world, suspend=False, switches=switches)
    before = tuple(group.ids)
    i = _watched(world, watching, before)
    (stage,) = newcomers(i)
    executor = Executor(watching, 1)
    assert executor.perform(stage.do, False)[0].detail == ""
    group.resize(4)
    (came,) = set(group.ids) - set(before)
    group.register(came)
    for _ in range(2):
        (result,) = executor.perform(stage.do, False)
        assert (result.error, result.detail.split(" ")[:2]) == (None, ["warning:", came])
    for color, arn in group.arns.items():
        health = group.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        assert {one["Target"]["Id"] for one in health} == set(before), color
    tags = group.elb.describe_tags(ResourceArns=list(group.arns.values()))["TagDescriptions"]
    assert [[tag["Key"] for tag in one["Tags"]] for one in tags] == [[BARRED + came]] * 2


def _watched(world: World, watching: Fleet, instances: tuple[str, ...]) -> Inputs:
    _, i = verbs.inputs(fleet(world, suspend=False), "release", Options(ref="v2"))
    assert i.scaling == ScalingInput((), instances)
    return replace(i, settings=watching.settings)


@pytest.mark.slow
def test_an_unreadable_group_is_a_warning(
    world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    At(monkeypatch, "verify", lambda: refuse(monkeypatch, "describe_auto_scaling_groups"))
    try:
        assert verbs.release(fleet(world, suspend=False), Options(ref="v2")) == 0
    finally:
        monkeypatch.undo()
    assert "warning: operator: new instances of shop-prod may be getting traffic" in capsys.readouterr().err


@pytest.mark.slow
def test_an_instance_that_catches_up_is_left_alone() -> None:
    now = {"i-1": "InService", "i-3": "Pending:Wait", "i-4": "InService", "i-5": "Terminating:Wait"}
    now["i-6"] = "Warmed:Stopped"
    changed, waiting = who(["i-1", "i-2", "i-5"], now, catches_up=True)
    assert (changed.came, changed.went, waiting) == (("i-4",), ("i-2", "i-5"), ("i-3",))
    changed, waiting = who(["i-1", "i-2", "i-5"], now, catches_up=False)
    assert (changed.came, waiting) == (("i-3", "i-4"), ())


# --- announced


def test_nothing_moves_if_new_instances_cannot_be_told_to_wait(
    world: World, group: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    before = world.snapshot()
    group.s3.put_object(Bucket=Cloud.BUCKET, Key="shop/live.json", Body=b"[]")
    with pytest.raises(Refused, match=r"no traffic was moved: s3://deploys/shop/live\.json is not an announcement"):
        release(world)
    assert world.snapshot() == before
    assert verbs.VERBS["abort"](fleet(world), Options()) == 0
    assert "nothing to abort" in capsys.readouterr().err


@pytest.mark.slow
def test_a_failed_last_announcement_changes_no_status(
    world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil() -> None:
        group.s3.put_object(Bucket=Cloud.BUCKET, Key="shop/live.json", Body=b"[]")

    At(monkeypatch, "prune", spoil)
    assert release(world) == 0
    assert (
        "warning: the announcement could not be updated; new instances wait until the next run has ended"
        in capsys.readouterr().err
    )
    # and a rollback is not refused
    assert verbs.rollback(fleet(world), Options()) == 0
    assert "new instances do not know that a rollback is in progress" in capsys.readouterr().err
    group.s3.delete_object(Bucket=Cloud.BUCKET, Key="shop/live.json")
    assert verbs.rollback(fleet(world), Options()) == 0
    now = announced(group)
    assert (now.busy, now.live) == (False, Color.blue)
    assert now.blue is not None
    assert now.green is not None


@pytest.mark.slow
def test_an_interrupt_while_announcing_leaves_nothing_open(
    world: World, group: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = announce

    def interrupted(*arguments: Any, **more: Any) -> str | None:
        said = real(*arguments, **more)
        if more["busy"]:
            raise Interrupted(2, "SIGINT")
        return said

    monkeypatch.setattr("orchestrator.verbs.announcement.announce", interrupted)
    with pytest.raises(Interrupted):
        release(world)
    assert not announced(group).busy
    monkeypatch.undo()


def test_nodes_that_disagree_about_the_idle_color_announce_none(world: World) -> None:
    _, i = verbs.inputs(world.fleet(), "release", Options(ref="v2"))
    mixed = replace(i, nodes=(replace(i.nodes[0], former="20260101T000000Z-aaaaaaa"), i.nodes[1]))
    assert announcement(mixed, 3, committed=False, busy=True).blue is None
    alike = replace(i, nodes=(mixed.nodes[0],) * 2)
    told = announcement(alike, 3, committed=False, busy=True)
    assert told.blue is not None
    assert told.blue.revision == "aaaaaaa"


@pytest.mark.slow
def test_lines_about_a_group_that_moved() -> None:
    now = Group("shop-prod", {"i-1": "InService", "i-2": "Pending"})
    assert moved(Changes(("i-2",), ("i-3",)), now) == [
        "i-2 is Pending in the Auto Scaling group shop-prod",
        "i-3 left the Auto Scaling group shop-prod just now",
    ]
