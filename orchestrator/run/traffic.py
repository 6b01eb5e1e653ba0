"""Asks the switches whether a color gets traffic, before a step stops, restarts or re-points the color."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pyinfra.api.host import Host

from orchestrator.errors import CannotTell, NotDone, NotYet, Silent
from orchestrator.fleet import Fleet, at_once
from orchestrator.plan.steps import NoTraffic, Place
from orchestrator.run.handler import INTERVAL
from orchestrator.run.walk import Result
from orchestrator.survey import seen_at
from orchestrator.switches.base import Api, Seen
from orchestrator.waiting import until, within

PATIENCE = 10.0
"""Seconds within which a balancer must report where it sends traffic. While a balancer restarts, it reports nothing."""


def asked(needs: Iterable[NoTraffic]) -> dict[Place, list[NoTraffic]]:
    """Return the conditions of each switch: switch -> the conditions that name it, without duplicates. Pure."""
    found: dict[Place, list[NoTraffic]] = {}
    for need in dict.fromkeys(needs):
        for place in need.switches:
            found.setdefault(place, []).append(need)
    return found


def judge(seen: Seen, needs: Iterable[NoTraffic], addresses: Mapping[str, str]) -> str | None:
    """Return None if a switch meets all conditions, else one line that says where the switch sends traffic. Pure.

    + seen: the state of the switch
    + needs: the conditions
    + addresses: node -> address of the node, because a balancer knows barred nodes by their addresses
    """
    for need in needs:
        share = seen.weights.share(need.color)
        is_barred = bool({need.barred, addresses.get(need.barred)} & set(seen.barred))
        if share and not is_barred:
            return f"sends {share}% of the traffic to {need.color}"
    return None


def refusals(fleet: Fleet, needs: Sequence[NoTraffic]) -> tuple[Result, ...]:
    """Ask all switches that the conditions name, at the same time. Return one failed result per switch that objects.

    A switch objects if it sends traffic to a color of a condition, or if it does not say where it sends traffic. A
    balancer that gives no clear answer is asked again, for PATIENCE seconds. A switch that the operator has removed
    from the inventory, or from the settings, is not asked.
    """
    places = asked(needs)
    addresses = {need.barred: fleet.address(need.barred) for need in needs if need.barred}
    known = [place for place in places if fleet.has(place.name) or place.name in fleet.apis]
    found = at_once([lambda place=place: _ask(fleet, place, places[place], addresses) for place in known])  # type: ignore[misc]
    return tuple(result for result in found if result is not None)


def _ask(fleet: Fleet, place: Place, needs: Sequence[NoTraffic], addresses: Mapping[str, str]) -> Result | None:
    """Ask one switch. Return None if the switch meets the conditions, else a failed result that says why not."""
    limit, lost = fleet.settings.deadlines.look, False
    seen: Seen | str
    if place.kind == "api":
        seen = _api(fleet.apis[place.name], any(need.barred for need in needs), limit)
    else:
        reply = fleet.one(place.name, lambda host: _balancer(fleet, host), PATIENCE + limit)
        seen, lost = reply.value or str(reply.error), reply.lost
    if isinstance(seen, str):
        return Result(place, f"does not say where it sends traffic ({seen})", lost)
    problem = judge(seen, needs, addresses)
    return Result(place, problem) if problem else None


def _api(api: Api, barred: bool, limit: float) -> Seen | str:
    """Return the state of a switch behind an API, or one line that says why the state is unknown.

    + barred: whether the state must name the barred nodes
    + limit: seconds within which the API must answer
    """
    try:
        with within(limit, CannotTell("the API did not answer in time")):
            return api.see() if barred else api.see_weights()
    except (CannotTell, NotDone) as unknown:
        return str(unknown)


def _balancer(fleet: Fleet, host: Host) -> Seen:
    """Return the state of a balancer.

    Raises CommandFailed if the balancer does not report its state within PATIENCE seconds, and Silent if the balancer's
    host does not answer.
    """
    answers: list[Seen] = []

    def look() -> None:
        try:
            answers.append(seen_at(fleet, host))
        except CannotTell as unknown:
            if not fleet.answers(host):
                raise Silent("does not answer") from None
            raise NotYet(str(unknown)) from None

    until(look, PATIENCE, INTERVAL)
    return answers[-1]
