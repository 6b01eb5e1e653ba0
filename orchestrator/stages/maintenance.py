"""Close the site to all but the testers while traffic moves.

Either the balancers send the page of maintenance, or they let new requests wait for a short time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step

CLOSE = Kind("close", ("balancer",), skipped="the balancers send the page already", hooks=True)
DRAINED = Kind("drained", ("node",), changes=False, hooks=True)
OPEN = Kind("open", ("balancer",), skipped="the balancers sent the page before the run", hooks=True)


@dataclass(frozen=True)
class Page(Action):
    """Let a balancer send the page of maintenance, or the application's answers.

    + kind: the kind of the balancer, such as ``haproxy``
    + on: True for the page, False for the application's answers
    """

    name = "page"
    handler = "orchestrator.run.handlers.page:PageHandler"

    kind: str
    on: bool


@dataclass(frozen=True)
class Hold(Action):
    """Let new requests wait at a balancer, or let them go on.

    + kind: the kind of the balancer, such as ``haproxy``
    + seconds: the longest time for which requests wait; 0 to let the requests go on
    """

    name = "hold"
    handler = "orchestrator.run.handlers.hold:HoldHandler"

    kind: str
    seconds: int


@dataclass(frozen=True)
class Drained(Action):
    """Wait until the color that had the traffic has no request in flight.

    + color: the old color
    + limit: seconds to wait at most
    + tolerant: whether an error is only a warning, because a rollback must work while nodes are down
    """

    name = "drained"
    handler = "orchestrator.run.handlers.drained:DrainedHandler"

    color: Color
    limit: float
    tolerant: bool = False

    @property
    @override
    def advisory(self) -> bool:
        return self.tolerant


def close(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages that close the site, and wait until the old release has answered its last request.

    The undo of the first stage opens the site. () if the run does not close the site.
    """
    if not i.closes:
        return ()
    limit = i.settings.drain.limit
    if i.closes == "hold":
        # the other half of the hold is for the next stages, until `open` lets the requests go on
        limit = min(limit, _hold(i.settings) / 2)
    # a first release has no old release that could have requests
    places = i.node_places if i.live else ()
    action = Drained(i.color.other, limit, tolerant=i.verb == "rollback" and not i.cold)
    # only a node that does not answer reaches the deadline
    steps = tuple(Step(place, action, limit + i.settings.deadlines.look + 1.0) for place in places)
    return (Stage(CLOSE, _steps(i, on=True), undo=_undo(OPEN, i, on=False)), Stage(DRAINED, steps))


def open_again(i: Inputs) -> tuple[Stage, ...]:
    """Return the stage that opens the site. () if the run does not close the site.

    The undo closes the site, because the undo of the run moves the traffic back next.
    """
    return (Stage(OPEN, _steps(i, on=False), undo=_undo(CLOSE, i, on=True)),) if i.closes else ()


def _undo(kind: Kind, i: Inputs, on: bool) -> tuple[Stage, ...]:
    return (Stage(kind, steps),) if (steps := _steps(i, on)) else ()


def _steps(i: Inputs, on: bool) -> tuple[Step, ...]:
    """Return one step for each balancer, which closes or opens the site. () if the site was closed before the run."""
    balancers = {switch.name: switch.kind for switch in i.at("balancer")}
    if i.closes == "page":
        return pages(i.settings, balancers, on)
    if i.closes == "hold":
        seconds = round(_hold(i.settings)) if on else 0
        return _at_balancers(i.settings, balancers, lambda kind: Hold(kind, seconds))
    return ()


def _hold(settings: Settings) -> float:
    """The longest time for which requests wait, in seconds. 0 without the setting `maintenance.hold`."""
    return settings.maintenance.hold or 0.0 if settings.maintenance else 0.0


def pages(settings: Settings, balancers: Mapping[str, str], on: bool) -> tuple[Step, ...]:
    """Return one step for each balancer, which lets the balancer send the page, or the application's answers.

    + balancers: name of each balancer -> its kind
    + on: True for the page, False for the application's answers
    """
    return _at_balancers(settings, balancers, lambda kind: Page(kind, on))


def _at_balancers(
    settings: Settings, balancers: Mapping[str, str], action: Callable[[str], Action]
) -> tuple[Step, ...]:
    deadline = settings.deadlines.switch
    return tuple(Step(Place("balancer", name), action(kind), deadline) for name, kind in balancers.items())
