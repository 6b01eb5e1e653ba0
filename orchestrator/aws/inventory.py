"""Find the hosts for the inventory file of a fleet on AWS.

The function ``hosts`` reads these environment variables, which the operator can set in ``.env``:

    ORCHESTRATOR_TAGS    an instance with all these tags is a node: App=shop,Env=prod
    ORCHESTRATOR_GROUP   name of the Auto Scaling group; empty if there is no such group
    ORCHESTRATOR_BLUE    ARN of blue's target group
    ORCHESTRATOR_GREEN   ARN of green's target group
    ORCHESTRATOR_PUBLIC  1: log in at the public addresses instead of the private addresses
    AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, ... have the same meaning as for the AWS CLI
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from orchestrator.aws.api import Account
from orchestrator.aws.instances import ask_sources, cross_check, nodes, refuse
from orchestrator.config.ports import Ports
from orchestrator.errors import OrchestratorError, Refused, UsageError
from orchestrator.model import Color

GO_ON = ("status", "rollback", "abort", "unlock")
"""The verbs for emergencies.

For these verbs, it is only a warning if the tags of the instances, the Auto Scaling group and the target groups
disagree about the nodes. If the disagreement were an error, one dead instance would block a rollback.
"""


def setting(name: str, environment: Mapping[str, str] | None = None) -> str:
    """Return the value of an environment variable. Raises UsageError if the variable is missing or empty.

    + name: name of the variable
    + environment: name -> value of the variables; None for the environment variables of this process
    """
    value = (os.environ if environment is None else environment).get(name, "").strip()
    if not value:
        raise UsageError(f"{name} is not set: add {name} to .env (docs/aws-instances.md)")
    return value


def tags(text: str) -> dict[str, str]:
    """Parse a list of tags. ``App=shop,Env=prod`` returns ``{"App": "shop", "Env": "prod"}``. Pure.

    Raises UsageError if a tag is not of the form ``KEY=VALUE``.
    """
    found = {}
    for pair in text.split(","):
        key, equals, value = pair.strip().partition("=")
        if not (key and equals and value):
            raise UsageError(
                f"ORCHESTRATOR_TAGS: {pair.strip()!r} is not KEY=VALUE: write tags such as App=shop,Env=prod"
            )
        found[key] = value
    return found


def hosts(ports: Ports | None = None, account: Account | None = None) -> list[tuple[str, dict[str, str]]]:
    """Return the nodes for an inventory file: one pair of instance id and pyinfra data for each node.

    The data has the keys ``ssh_hostname``, ``address`` and ``target``, as ``instances.nodes`` describes them.

    + ports: ports of the colors, as in the settings; None for the default ports
    + account: the AWS account to ask; None for the account that the AWS configuration of this machine names

    If an error occurs, this function prints one line for each problem and ends the process. The exit status is

    * 2 if an environment variable is missing or wrong, for example if no instance has the tags;
    * 3 if the tags, the Auto Scaling group and the target groups do not agree about the nodes, or if a node has no
      usable address;
    * 1 if AWS refuses a request or does not answer.

    If the tags and the groups disagree and the command is ``status``, ``rollback``, ``abort`` or ``unlock``, this
    function prints the disagreements and continues.
    """
    try:
        return _hosts(ports or Ports(), account or Account())
    except OrchestratorError as error:
        click.secho(str(error), fg="red", bold=True, err=True)
        sys.exit(error.status)


def _hosts(ports: Ports, account: Account) -> list[tuple[str, dict[str, str]]]:
    wanted = tags(setting("ORCHESTRATOR_TAGS"))
    arns = {color: setting(f"ORCHESTRATOR_{color.value.upper()}") for color in Color}
    group = os.environ.get("ORCHESTRATOR_GROUP") or None
    found = ask_sources(account, wanted, group, {arn: ports.of(color) for color, arn in arns.items()})
    try:
        refuse(cross_check(found.tagged, found.in_group, found.targets))
    except Refused as differences:
        if not _goes_on():
            raise
        said = str(differences).replace("nothing was changed", "the command continues nevertheless")
        click.secho(said, fg="yellow", err=True)
    if not found.tagged:
        raise UsageError(
            f"no running instance has the tags {setting('ORCHESTRATOR_TAGS')}: correct ORCHESTRATOR_TAGS or the account"
        )
    return nodes(found, os.environ.get("ORCHESTRATOR_PUBLIC") == "1")


def _goes_on() -> bool:
    context = click.get_current_context(silent=True)
    files = (context.params.get("operations") or ()) if context else ()
    return any(Path(file).stem in GO_ON and Path(file).suffix == ".py" for file in files)
