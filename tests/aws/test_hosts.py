"""The hosts of an inventory file: which differences end the command, and which are a warning."""

from __future__ import annotations

import click
import pytest

from orchestrator.aws.inventory import hosts, setting, tags
from orchestrator.errors import UsageError
from tests.aws.cloud import Cloud, environment_of


@pytest.mark.parametrize(("verb", "goes_on"), [("rollback", True), ("release", False)])
def test_an_emergency_goes_on_with_a_warning(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str, goes_on: bool
) -> None:
    for name, value in environment_of(cloud).items():
        monkeypatch.setenv(name, value)
    cloud.autoscaling.detach_instances(
        AutoScalingGroupName=cloud.GROUP, InstanceIds=cloud.ids[:1], ShouldDecrementDesiredCapacity=True
    )
    context = click.Context(click.Command("pyinfra"))
    context.params["operations"] = (f"deploys/{verb}.py",)
    with context:
        if goes_on:
            assert len(hosts()) == 3
        else:
            with pytest.raises(SystemExit) as ended:
                hosts()
            assert ended.value.code == 3
    said = capsys.readouterr().err
    assert "has the tags, but is not in the Auto Scaling group" in said
    assert ("the command continues nevertheless" in said) is goes_on


def test_a_fleet_without_nodes_is_refused(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment_of(Cloud(size=0)).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        hosts()
    assert ended.value.code == 2


def test_tags() -> None:
    assert tags("App=shop, Env=prod,A=b=c") == {"App": "shop", "Env": "prod", "A": "b=c"}
    for text in ("", "App", "App=", "=shop", "App=shop,"):
        with pytest.raises(UsageError, match="is not KEY=VALUE"):
            tags(text)


def test_a_setting_of_blanks_is_missing() -> None:
    with pytest.raises(UsageError, match="X is not set"):
        setting("X", {"X": " "})
    assert setting("X", {"X": " y "}) == "y"
