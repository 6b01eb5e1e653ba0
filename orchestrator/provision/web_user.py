"""Give the files of an application on a node to another web user, after the setting ``web_user`` has changed.

The web user runs nginx, PHP and services. The files below the application's directory must belong to the user as whom
the colors run, also the files of former releases, so that a rollback to these releases works. Therefore both colors
stop before the files change their owner. During this time the balancers must send no requests to the node.

A record on the node names the users to whom the files belong. Without a record, the files belong to the user in the
colors' unit files. The record is written before the unit files change for the first time. A unit of a color starts only
if the record names no other user than the unit, because a node may reboot after its unit files have changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from pyinfra.context import host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.facts.base import Fact
from orchestrator.model import Color
from orchestrator.provision import operations
from orchestrator.provision.answers import Answers
from orchestrator.provision.drains import Drain
from orchestrator.provision.work import Work
from orchestrator.scripts.command import question
from orchestrator.scripts.files import read

UNITS = "/etc/systemd/system"


@dataclass(frozen=True)
class Holding:
    """As whom the colors run on a node, and to whom the files of the application belong.

    + runs_as: the web user in the colors' unit files; None on a node that was not provisioned before
    + recorded: the users in the record; empty without a record. Several users if a change was interrupted.
    + network: paths of network file systems in the directory of the application
    """

    runs_as: str | None = None
    recorded: tuple[str, ...] = ()
    network: tuple[str, ...] = ()

    @property
    def owners(self) -> tuple[str, ...]:
        """The web users to whom files may belong."""
        return self.recorded or ((self.runs_as,) if self.runs_as else ())

    def former(self, user: str) -> tuple[str, ...]:
        """Return the web users whose files must be given to a user; empty if the user has all files already."""
        return tuple(owner for owner in self.owners if owner != user)


class Holds(Fact[Holding]):
    """
    Returns as whom the colors of an application run on a node, and to whom the files of the application belong.

    + record: path of the record
    + root: directory of the application
    + target: path of the systemd target of a color
    + fpm: path of PHP-FPM's configuration for a color without a release
    + units: paths of the unit files of a color
    """

    default = Holding

    @override
    def command(self, record: str, root: str, target: str, fpm: str, units: Sequence[str]) -> StringCommand:
        return question(read("provision/web_user.sh"), record, root, target, fpm, *units)

    @override
    def parse(self, output: list[str]) -> Holding:
        said: dict[str, list[str]] = {"runs": [], "owner": [], "network": []}
        for line in output:
            word, rest = line.split(" ", 1)
            said[word].append(rest)
        return Holding(next(iter(said["runs"]), None), tuple(said["owner"]), tuple(said["network"]))


def asked(settings: Settings) -> dict[str, object]:
    """Return the arguments of the fact `Holds`."""
    layout, color = settings.node, Color.blue
    services = [layout.service_unit(color, service.name) for service in settings.services]
    return {
        "record": settings.node.web_user_record,
        "root": layout.root,
        "target": f"{UNITS}/{layout.target(color)}",
        "fpm": f"{layout.etc}/{color}/php-fpm.conf",
        "units": [unit(settings), *(f"{UNITS}/{service}" for service in services)],
    }


def unit(settings: Settings) -> str:
    """Return the path of the unit file that names the web user. Version 0.1 of this tool had no such file."""
    return f"{UNITS}/{settings.node.nginx(Color.blue)}"


def holder(work: Work, settings: Settings) -> str:
    """Return the user to whom provisioning gives new directories on the current node.

    This is the present owner of the files, until `give` gives all files to the user in the settings. If the files will
    be given to another user, this function also lets ``work`` write the record (see `NodeLayout.web_user_record`).
    """
    found = holding(work.answers, settings)
    if not found.former(settings.web_user):
        return settings.web_user
    work.do(
        "record of the web user to whom the files belong",
        operations.first_file,
        path=settings.node.web_user_record,
        text=" ".join(found.owners) + "\n",
        user="root",
        group="root",
        by="root",
    )
    return found.owners[0]


def wanted(settings: Settings, holding: Holding, changing: Sequence[str] = ()) -> str:
    """Return the user to whom the files must belong: the user as whom the colors will run.

    This is the web user in the settings, if the unit files are about to change or do not exist yet. Otherwise this is
    the user in the unit files, because the unit files are older than the settings after a failed provisioning.

    + changing: paths of files that are about to change
    """
    return settings.web_user if unit(settings) in changing or not holding.runs_as else holding.runs_as


def give(work: Work, what: str, settings: Settings, former: Sequence[str], user: str) -> None:
    """Stop both colors of the current node, and give the files of the application to a user. The colors stay stopped.

    + what: name of the operation for the operator
    + former: the users to whom files may belong
    + user: the new owner
    """
    layout = settings.node
    work.do(
        what,
        operations.given,
        root=layout.root,
        deploy=settings.user,
        user=user,
        former=former,
        record=settings.node.web_user_record,
        targets=[
            *(layout.target(color) for color in Color),
            # the workers belong to no target, because only a run starts and stops them
            *([layout.workers_unit] if settings.workers else []),
            *(layout.worker_unit(color, one.name).replace("@", "@*") for color in Color for one in settings.workers),
            # The timers go on, and the program `tick` reads the record. If a timer stopped and started again, systemd
            # could start its command once more for a time that has passed
            *(layout.schedule_unit(one.name, "service") for one in settings.schedule),
        ],
    )


def obstacle(drain: Drain | None, others: Iterable[str]) -> str | None:
    """Return why both colors of a node cannot stop without failed requests; None if they can stop. Pure.

    + drain: how the node is drained; None if the node gets no traffic
    + others: the kinds of the switches that are no balancer which provisioning sets up, such as ``alb``
    """
    kinds = ", ".join(others)
    if drain and kinds:
        return f"both colors would stop, and provisioning cannot take a node out of a switch of kind {kinds}"
    if drain and drain.alone:
        return "both colors would stop, and no other node gets traffic"
    return None


def problems(
    user: str, holdings: Mapping[str, Holding], drains: Mapping[str, Drain], others: Sequence[str]
) -> list[str]:
    """Return one line for each node whose files cannot be given to the web user in the settings. Pure.

    + user: the web user in the settings
    + holdings: node -> to whom its files belong
    + drains: node -> how the node is drained. Nodes without traffic are left out.
    + others: the kinds of the switches that are no balancer which provisioning sets up, such as ``alb``
    """
    found = []
    for name, holding in holdings.items():
        former = holding.former(user)
        why = obstacle(drains.get(name), others)
        if holding.network:
            why = f"{', '.join(holding.network)} is a network file system, which other servers may also use"
        if former and why:
            found.append(
                f"{name}: the files of the application cannot be given from {' and '.join(former)} to {user} "
                f'(web_user): {why}. To keep the present web user, set web_user to "{former[0]}" (docs/servers.md)'
            )
    return found


def holding(answers: Answers, settings: Settings) -> Holding:
    """Return the `Holding` of the current node: as whom the colors run, and who owns the files of the application.

    + answers: the answers of the node
    """
    return answers.fact(Holds, **asked(settings))


def look(settings: Settings) -> Holding:
    """Return the `Holding` of the current node: as whom the colors run, and who owns the files of the application.

    This function reads the node anew.
    """
    found: Holding = host.get_fact(Holds, **asked(settings))
    return found
