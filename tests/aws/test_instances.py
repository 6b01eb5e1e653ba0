"""Which instances are the nodes: three sources, and every difference between them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from orchestrator.aws.api import Account
from orchestrator.aws.instances import (
    Found,
    Instance,
    TargetGroup,
    ask_sources,
    cross_check,
    in_group,
    nodes,
    refuse,
    tagged,
    target_group,
)
from orchestrator.aws.target_groups import Target
from orchestrator.errors import OrchestratorError, Refused, UsageError
from tests.aws.cloud import PORTS, TAGS, Cloud, client


def instance(number: int, public: str | None = None) -> Instance:
    return Instance(f"i-{number}", f"10.0.0.{number}", public)


def group(color: str, *members: Target, by: str = "instance") -> TargetGroup:
    return TargetGroup(f"shop-{color}", by, PORTS[color], frozenset(members))


TAGGED = {f"i-{number}": instance(number) for number in (1, 2)}
IN_GROUP = {"i-1": "InService", "i-2": "InService"}
BLUE = group("blue", Target("i-1", 8081), Target("i-2", 8081))
GREEN = group("green", Target("i-1", 8082), Target("i-2", 8082))


def seen(cloud: Cloud) -> Found:
    return ask_sources(Account(), TAGS, cloud.GROUP, {cloud.arns[color]: port for color, port in PORTS.items()})


def differences(found: Found) -> list[str]:
    return cross_check(found.tagged, found.in_group, found.targets)


# --- what differs


def test_a_fleet_that_all_agree_on() -> None:
    assert cross_check(TAGGED, IN_GROUP, [BLUE, GREEN]) == []


def test_without_an_auto_scaling_group_the_others_are_compared() -> None:
    assert cross_check(TAGGED, None, [BLUE, GREEN]) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"in_group": {**IN_GROUP, "i-3": "InService"}},
            "i-3 is in service in the Auto Scaling group, but is not a running instance with the tags",
        ),
        ({"in_group": {"i-1": "InService"}}, "i-2 has the tags, but is not in the Auto Scaling group"),
        (
            {"in_group": {**IN_GROUP, "i-2": "Pending:Wait"}},
            "i-2 is Pending:Wait in the Auto Scaling group, not InService",
        ),
        (
            {"targets": [group("blue", *BLUE.members, Target("i-9", 80)), GREEN]},
            "i-9 is a target of shop-blue (port 80), but not a node of the fleet",
        ),
        (
            {"targets": [group("blue", Target("i-1", 8081)), GREEN]},
            "i-2 is a target of shop-green, but not of shop-blue",
        ),
        (
            {"targets": [group("blue", Target("i-1", 8081), Target("i-2", 80)), GREEN]},
            "i-2 is a target of shop-blue on port 80, not 8081",
        ),
        (
            {"targets": [group("blue", *BLUE.members, Target("i-1", 80)), GREEN]},
            "i-1 is a target of shop-blue on port 80 and 8081, not 8081",
        ),
    ],
)
def test_each_difference_is_named(changes: dict[str, Any], line: str) -> None:
    given: dict[str, Any] = {"tagged": TAGGED, "in_group": IN_GROUP, "targets": [BLUE, GREEN], **changes}
    assert cross_check(**given) == [line]


def test_a_terminating_instance_is_not_missed() -> None:
    assert cross_check(TAGGED, {**IN_GROUP, "i-3": "Terminating"}, [BLUE, GREEN]) == []


def test_a_barred_node_in_neither_target_group_stays_a_node() -> None:
    barred = [group("blue", Target("i-1", 8081)), group("green", Target("i-1", 8082))]
    assert cross_check(TAGGED, IN_GROUP, barred) == []
    assert [name for name, _ in nodes(Found(TAGGED, IN_GROUP, barred))] == ["i-1", "i-2"]


def test_target_groups_by_address() -> None:
    blue = group("blue", Target("10.0.0.1", 8081), Target("10.0.0.2", 8081), by="ip")
    green = group("green", Target("10.0.0.1", 8082), Target("10.9.9.9", 8082), by="ip")
    assert cross_check(TAGGED, IN_GROUP, [blue, green]) == [
        "i-2 is a target of shop-blue, but not of shop-green",
        "10.9.9.9 is a target of shop-green (port 8082), but not a node of the fleet",
    ]


def test_everything_is_named_at_once_a_line_each() -> None:
    with pytest.raises(Refused) as refused:
        refuse(cross_check(TAGGED, {"i-1": "Standby", "i-3": "InService"}, [BLUE, GREEN]))
    assert str(refused.value).splitlines()[1:] == [
        "    i-1 is Standby in the Auto Scaling group, not InService",
        "    i-2 has the tags, but is not in the Auto Scaling group",
        "    i-3 is in service in the Auto Scaling group, but is not a running instance with the tags",
    ]
    refuse([])


# --- the hosts


def test_hosts_are_sorted_and_know_their_target() -> None:
    tagged = {"i-2": instance(2), "i-1": instance(1)}
    assert nodes(Found(tagged, None, [BLUE, GREEN])) == [
        ("i-1", {"ssh_hostname": "10.0.0.1", "address": "10.0.0.1", "target": "i-1"}),
        ("i-2", {"ssh_hostname": "10.0.0.2", "address": "10.0.0.2", "target": "i-2"}),
    ]


def test_a_target_by_address_and_a_public_login() -> None:
    found = Found({"i-1": instance(1, "198.51.100.1")}, None, [group("blue", by="ip"), group("green", by="ip")])
    assert nodes(found, public=True) == [
        ("i-1", {"ssh_hostname": "198.51.100.1", "address": "10.0.0.1", "target": "10.0.0.1"})
    ]
    with pytest.raises(Refused, match="i-1 has no public IPv4 address"):
        nodes(Found({"i-1": instance(1)}, None, [BLUE, GREEN]), public=True)


def test_target_groups_of_two_types_are_refused() -> None:
    with pytest.raises(Refused, match="of type instance and ip: both must be"):
        nodes(Found(TAGGED, None, [BLUE, group("green", by="ip")]))


# --- what AWS answers


def test_a_fleet_in_aws(cloud: Cloud) -> None:
    found = seen(cloud)
    assert differences(found) == []
    hosts = nodes(found)
    assert [name for name, _ in hosts] == cloud.ids
    assert hosts[0][1] == {
        "ssh_hostname": cloud.address(cloud.ids[0]),
        "address": cloud.address(cloud.ids[0]),
        "target": cloud.ids[0],
    }


def test_a_fleet_in_aws_by_address(aws: None) -> None:
    cloud = Cloud(by="ip")
    # moto calls every target healthy, and keeps only the port of the last one
    found = seen(cloud)
    assert differences(found) == []
    assert [data["target"] for _, data in nodes(found)] == [cloud.address(id) for id in cloud.ids]


def test_differences_in_aws(cloud: Cloud) -> None:
    first, second, third = cloud.ids
    (stray,) = cloud.launch()
    cloud.register(stray, "blue")
    (other,) = cloud.launch(tags={"App": "shop", "Env": "staging"})
    cloud.register(other, "green")
    cloud.ec2.delete_tags(Resources=[second], Tags=[{"Key": "Env"}])
    cloud.deregister(third, "blue")
    expected = [
        f"{second} is in service in the Auto Scaling group, but is not a running instance with the tags",
        f"{second} is a target of shop-blue (port 8081), but not a node of the fleet",
        f"{second} is a target of shop-green (port 8082), but not a node of the fleet",
        f"{stray} has the tags, but is not in the Auto Scaling group",
        f"{stray} is a target of shop-blue, but not of shop-green",
        f"{third} is a target of shop-green, but not of shop-blue",
        f"{other} is a target of shop-green (port 8082), but not a node of the fleet",
    ]
    assert sorted(differences(seen(cloud))) == sorted(expected)
    assert first not in "".join(differences(seen(cloud)))


def test_instances_that_do_not_run_are_no_nodes(cloud: Cloud) -> None:
    stopped, ended, running = cloud.launch(3, tags={"App": "other"})
    cloud.ec2.stop_instances(InstanceIds=[stopped])
    cloud.ec2.terminate_instances(InstanceIds=[ended])
    assert list(tagged(Account().ec2(), {"App": "other"})) == [running]


def test_many_reservations(aws: None) -> None:
    cloud = Cloud(size=0)
    made = sorted(id for _ in range(5) for id in cloud.launch(3))
    assert list(tagged(Account().ec2(), TAGS)) == made


def reservation(*ids: str) -> dict[str, Any]:
    return {"Instances": [{"InstanceId": id, "PrivateIpAddress": "10.0.0.1"} for id in ids]}


@pytest.fixture
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    ec2 = client("ec2", None)
    with Stubber(ec2) as stub:
        yield ec2, stub
        stub.assert_no_pending_responses()


def test_every_page_is_read(stubbed: tuple[Any, Stubber]) -> None:
    ec2, stub = stubbed
    filters = [
        {"Name": "instance-state-name", "Values": ["running"]},
        {"Name": "tag:App", "Values": ["shop"]},
        {"Name": "tag:Env", "Values": ["prod"]},
    ]
    asked: dict[str, Any] = {"Filters": filters, "MaxResults": 1000}
    # an empty page need not be the last one
    stub.add_response("describe_instances", {"Reservations": [reservation("i-3", "i-1")], "NextToken": "two"}, asked)
    stub.add_response("describe_instances", {"Reservations": [], "NextToken": "three"}, {**asked, "NextToken": "two"})
    stub.add_response("describe_instances", {"Reservations": [reservation("i-2")]}, {**asked, "NextToken": "three"})
    assert list(tagged(ec2, TAGS)) == ["i-1", "i-2", "i-3"]


def test_a_draining_or_unregistered_target_is_no_member() -> None:
    elb = client("elbv2", None)
    with Stubber(elb) as stub:
        stub.add_response(
            "describe_target_groups", {"TargetGroups": [{"TargetGroupName": "shop-blue", "TargetType": "instance"}]}
        )
        states = {
            "i-1": {"State": "healthy"},
            "i-2": {"State": "draining", "Reason": "Target.DeregistrationInProgress"},
            "i-3": {"State": "unused", "Reason": "Target.NotRegistered"},
            "i-4": {"State": "unused", "Reason": "Target.NotInUse"},
            "i-5": {"State": "unhealthy", "Reason": "Target.FailedHealthChecks"},
            # Network Load Balancers report this state: unhealthy, but still registered
            "i-6": {"State": "unhealthy.draining"},
        }
        health = [{"Target": {"Id": id, "Port": 8081}, "TargetHealth": state} for id, state in states.items()]
        stub.add_response("describe_target_health", {"TargetHealthDescriptions": health})
        found = target_group(elb, "arn:blue-target-group-of-the-shop", 8081)
    assert sorted(member.id for member in found.members) == ["i-1", "i-4", "i-5", "i-6"]


# --- what AWS refuses


def test_without_tags_nothing_is_asked() -> None:
    with pytest.raises(UsageError, match="every instance of the account would be a node"):
        ask_sources(Account(), {}, None, {})


def test_no_such_auto_scaling_group(cloud: Cloud) -> None:
    with pytest.raises(UsageError, match="there is no Auto Scaling group shop-prodd in this account and region"):
        in_group(Account().autoscaling(), "shop-prodd")


def test_no_such_target_group(cloud: Cloud) -> None:
    arn = cloud.arns["blue"].replace("shop-blue", "shop-purple")
    with pytest.raises(OrchestratorError, match=r"^target group arn:\S+shop-purple\S+: TargetGroupNotFound: "):
        target_group(Account().elb(), arn, 8081)


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("RequestExpired", r"credentials have expired \(RequestExpired\); log in again"),
        ("ExpiredToken", r"credentials have expired \(ExpiredToken\); log in again"),
        ("AuthFailure", r"credentials are wrong \(AuthFailure\)"),
        ("UnauthorizedOperation", r"not allowed \(No way\.\); add the permissions that docs/aws-instances.md lists"),
        ("RequestLimitExceeded", r"throttled the request 5 times \(RequestLimitExceeded\); repeat the command"),
        ("Odd", r"Odd: No way\."),
    ],
)
def test_a_refusal_is_one_clear_line(stubbed: tuple[Any, Stubber], code: str, line: str) -> None:
    ec2, stub = stubbed
    stub.add_client_error("describe_instances", code, "No\n way.")
    with pytest.raises(OrchestratorError, match=f"^EC2 instances: .*{line}") as error:
        tagged(ec2, TAGS)
    assert "\n" not in str(error.value)


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(OrchestratorError, match=r"^EC2 instances: Unable to locate credentials; log in again"):
        tagged(Account().ec2(), TAGS)


def test_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(OrchestratorError, match=r"You must specify a region\.; set AWS_REGION"):
        Account().autoscaling()
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert Account().autoscaling().meta.region_name == "eu-west-3"
    assert Account(region="eu-north-1").autoscaling().meta.region_name == "eu-north-1"


def test_an_unknown_profile() -> None:
    with pytest.raises(OrchestratorError, match=r"\(no-such-profile\) could not be found"):
        Account(profile="no-such-profile").ec2()


def test_boto3_is_imported_when_it_is_used() -> None:
    program = "import sys, orchestrator.aws.instances; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=30).returncode == 0
