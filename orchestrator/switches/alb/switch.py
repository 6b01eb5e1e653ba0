"""The switch for an AWS Application Load Balancer. A shift changes the weights of two target groups in a listener rule.

AWS's call ModifyRule has no condition (compare and swap), so another program could change the rule between a read and a
write. The lock keeps out other runs of this tool. To notice changes by other programs, a release makes a check before
it arms and before each shift: the rule must still have the actions that the release read or set last, with the same
weights. An undo or a rollback does not make this check, because it must move the traffic in any case.

If AWS returns the new weights, this proves only that the control plane of AWS has the weights. The load balancer's own
servers follow within seconds to minutes. Therefore a run verifies a shift by requests through every address. Before a
run changes the old color, the run waits until the old color gets no more requests (docs/aws.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from typing_extensions import override

from orchestrator.aws import target_groups
from orchestrator.aws.target_groups import BARRED, Group, Health, Target
from orchestrator.comparison.judge import Shares
from orchestrator.config.cutover import Comparison
from orchestrator.config.ports import Ports
from orchestrator.config.switch import AlbSwitch, Switch
from orchestrator.errors import CannotTell, NotDone, NotYet
from orchestrator.model import Color, Weights
from orchestrator.switches.alb import cloudwatch, listener_rule
from orchestrator.switches.alb.cloudwatch import CloudWatchTraffic, TooEarly
from orchestrator.switches.alb.elb import Elb
from orchestrator.switches.alb.listener_rule import Forward
from orchestrator.switches.base import Api, Seen
from orchestrator.waiting import last_refusal

SETTLE = 15.0
"""Seconds after AWS's call ModifyRule within which the call DescribeRules must return the new weights."""

FIRST_CHECK = 8.0
"""Seconds to wait for the first health check of each target of a color that was attached just before.

The interval of the health checks should be 5 s.
"""


class Alb(Api):
    """A switch that sets the weights in one listener rule of an Application Load Balancer.

    + members: inventory name of each node -> target id of the node. The target id is an instance id or an IP address,
      according to the type of the target groups.
    """

    section = AlbSwitch

    def __init__(self, switch: Switch, members: Mapping[str, str], ports: Ports) -> None:
        super().__init__(switch, members, ports)
        assert isinstance(switch, AlbSwitch)
        self._section = switch
        self._elb = Elb(switch)
        self._where = listener_rule.short(switch.rule)
        self._left: tuple[Sequence[Mapping[str, object]], Forward] | None = None
        """The action list that this object read first or set last, and its forward action."""
        self.sleep: Callable[[float], None] = time.sleep
        """Function that waits for a number of seconds before the next request to AWS.

        Tests replace this function.
        """

    @override
    def see(self) -> Seen:
        rule = self._elb.rule()
        groups = self._elb.target_groups()
        try:
            forward = listener_rule.read(rule, self._elb.groups)
        except CannotTell as unknown:
            raise CannotTell(self._about_rule(unknown)) from None
        if self._left is None:
            self._left = rule["Actions"], forward
        kept_out = target_groups.barred(groups.values())
        members = self._expected(groups)
        return Seen(
            weights=forward.weights,
            kept=forward.weights,
            in_flight=None,
            down={color: tuple(self._unhealthy(groups[color], members)) for color in Color},
            out=target_groups.draining(groups.values(), members),
            barred=tuple(name for name, id in self.members.items() if id in kept_out),
            problems=target_groups.problems(groups, self.members, self.ports, bool(forward.sticky)),
            attached=forward.attached,
            sticky=float(forward.sticky),
        )

    @override
    def see_weights(self) -> Seen:
        forward = self._forward()
        return Seen(
            weights=forward.weights,
            kept=forward.weights,
            in_flight=None,
            attached=forward.attached,
            sticky=float(forward.sticky),
        )

    @override
    def unhealthy(self, color: Color) -> tuple[str, ...]:
        return tuple(self._unhealthy(self._elb.health(color, self.ports.of(color)), self.members))

    @override
    def arm(self, weights: Weights, back: bool = False) -> str:
        """Check that AWS would accept a ``shift``, as described in ``Api.arm``.

        The rule must have the target groups of both colors. If the shift is no undo and no rollback, the rule must not
        have changed, and the colors that will get traffic must be healthy. ModifyRule must be permitted: to check this,
        the method sends the rule's present action list back unchanged.
        """
        actions, forward = self._read()
        self._both(forward)
        if not back:
            self._refuse_changed(actions, forward)
            self._refuse_unhealthy(weights)
        self._elb.modify(listener_rule.rewritten(actions, self._elb.groups, forward.shares))
        self._left = actions, forward
        return f"accepts changes; the weights are {_says(forward.shares)}"

    @override
    def shift(self, weights: Weights, back: bool = False) -> str:
        actions, forward = self._read()
        shares = {color: weights.share(color) for color in Color}
        if not back:
            self._refuse_changed(actions, forward)
        # if an earlier undo has detached the color without traffic, this color must stay detached
        is_alone = back and forward.attached == {weights.live}
        if forward.shares == shares or is_alone:
            self._left = actions, forward
            return f"the weights are {_says(forward.shares)} already"
        if not back:
            self._both(forward)
            self._refuse_unhealthy(weights)
        return self._write(actions, shares)

    @override
    def detach(self, color: Color) -> str:
        actions, forward = self._read()
        if color not in forward.attached:
            return f"{color} is detached already"
        if forward.weights.share(color):
            raise NotDone(
                f"{self._where}: {color} gets {forward.weights.share(color)}% of the traffic: shift the traffic first"
            )
        rest = {one: share for one, share in forward.shares.items() if one is not color}
        said = self._write(actions, rest)
        if forward.sticky and self._left is not None and not self._left[1].sticky:
            said += (
                f"; AWS dropped the rule's stickiness of {forward.sticky} s: set the stickiness again after both "
                "colors are attached"
            )
        return said

    @override
    def attach(self) -> str:
        actions, forward = self._read()
        missing = set(Color) - forward.attached
        if not missing:
            return "both colors are attached already"
        said = self._write(actions, {color: forward.weights.share(color) for color in Color})
        return f"{said}; {self._checked(missing.pop())}"

    @override
    def bar(self, addresses: Sequence[str], out: bool) -> str:
        """Deregister nodes from both target groups, or register the nodes again, as described in ``Api.bar``.

        For each barred node, both target groups get a tag. Without the tag, later runs would report that the node is
        missing in the target groups.

        + addresses: the nodes, by inventory name or by target id

        Raises NotDone, without a change, if a node is not in the inventory, or if a color would have no target left.
        """
        ids = [self.members.get(address, address) for address in addresses]
        strangers = [id for id in ids if id not in self.members.values()]
        if strangers or not ids:
            raise NotDone(
                f"no node of the inventory has target {', '.join(strangers) or '(none given)'}: nothing was changed"
            )
        return self._keep_out(ids) if out else self._let_in(ids)

    @override
    def shares(self, since: float, old: Color, settings: Comparison, wait: bool) -> Mapping[Color, Shares]:
        """Return the numbers of both colors from CloudWatch, as described in ``Api.shares``.

        CloudWatch has numbers only for whole minutes. The numbers of a minute are complete two minutes after its end.
        """
        until = time.time() - (0.0 if wait else cloudwatch.DELAY)
        while True:
            found = self.traffic(since, until, old, settings.slower, settings.slower_ms)
            if isinstance(found, CloudWatchTraffic):
                return cloudwatch.shares(found)
            self.sleep(max(0.1, found.until - time.time()))

    def traffic(
        self,
        since: float,
        until: float,
        old: Color | None = None,
        slower: float = 1.25,
        slower_ms: float = 10.0,
        now: float | None = None,
    ) -> CloudWatchTraffic | TooEarly:
        """Return CloudWatch's numbers about both colors in the whole minutes of a window.

        If CloudWatch's data of these minutes is not complete yet, the method returns TooEarly. If the window contains
        no whole minute, the result has no requests.

        + since, until: begin and end of the window, in epoch seconds
        + old: the old color. An answer of either color counts as slow if it took longer than a threshold, which is
          calculated from the old color's p99. None: there is no threshold, and slow answers are not counted.
        + slower, slower_ms: the threshold is ``slower`` times the p99, but at least the p99 plus ``slower_ms``
          milliseconds (section ``comparison`` of the settings)
        + now: the present time in epoch seconds; None: the time of this machine's clock

        Raises NotDone if CloudWatch refuses the request, or returns only a part of the data.
        """
        span = cloudwatch.window(since, until, time.time() if now is None else now)
        if isinstance(span, TooEarly):
            return span
        if span[0] == span[1]:
            return cloudwatch.traffic({}, *span)
        balancer = listener_rule.load_balancer(self._section.rule)
        groups = {color: listener_rule.short(arn) for color, arn in self._elb.groups.items()}
        found = self._points(cloudwatch.queries(balancer, groups), span)
        p99 = cloudwatch.traffic(found, *span).colors[old].p99 if old else None
        if p99 is None:
            return cloudwatch.traffic(found, *span)
        threshold = max(slower * p99, p99 + slower_ms / 1000)
        ranks = self._points(cloudwatch.rank_queries(balancer, groups, threshold), span)
        return cloudwatch.traffic({**found, **ranks}, *span, threshold)

    def _points(self, queries: list[dict[str, Any]], span: tuple[float, float]) -> cloudwatch.Points:
        results = self._elb.metrics(queries, *span)
        if missing := cloudwatch.incomplete(results):
            raise NotDone(f"CloudWatch answered only a part of {', '.join(missing)}; repeat the command in a minute")
        return cloudwatch.points(results)

    def _keep_out(self, ids: Sequence[str]) -> str:
        groups = self._elb.target_groups()
        for color in Color:
            if not {target.id for target in groups[color].registered} - set(ids):
                raise NotDone(
                    f"{color} would have no target left without {', '.join(ids)}, and would answer 503: nothing was "
                    "changed"
                )
        # add the tags first: later runs would report a deregistered target without the tag as lost
        self._elb.tag([BARRED + id for id in ids], "barred until it has joined")
        for color in Color:
            self._elb.deregister(color, self._targets(color, ids))
        return f"{', '.join(ids)} deregistered"

    def _let_in(self, ids: Sequence[str]) -> str:
        _, forward = self._read()
        for color in Color:
            self._elb.register(color, self._targets(color, ids))
        members = {name: id for name, id in self.members.items() if id in ids}

        patience = max(group.patience for group in self._elb.target_groups().values())

        def look() -> None:
            # targets of a detached color get no health checks, so they cannot become healthy
            for color in sorted(forward.attached):
                found = self._unhealthy(self._elb.health(color, self.ports.of(color)), members)
                if found:
                    raise NotYet(target_groups.refusal(color, found, members, self.ports.of(color)))

        self._until(look, patience)
        # remove the tags last: if the run is killed before this line, the targets still count as barred
        self._elb.untag([BARRED + id for id in ids])
        return f"{', '.join(ids)} registered and healthy"

    def _read(self) -> tuple[Sequence[Mapping[str, object]], Forward]:
        """Read the listener rule. Returns its whole action list, and its forward action.

        Raises NotDone if the rule cannot be read, or if the weights cannot be determined from the rule.
        """
        rule = self._elb.rule()
        try:
            return rule["Actions"], listener_rule.read(rule, self._elb.groups)
        except CannotTell as unknown:
            raise NotDone(self._about_rule(unknown)) from None

    def _write(self, actions: Sequence[Mapping[str, object]], shares: Mapping[Color, int]) -> str:
        self._elb.modify(listener_rule.rewritten(actions, self._elb.groups, shares))

        def look() -> None:
            read, forward = self._read()
            alone = len(shares) == 1 and forward.attached == set(shares)
            if forward.shares != shares and not alone:
                raise NotYet(f"{self._where}: set to {_says(shares)}, but reads {_says(forward.shares)}")
            self._left = read, forward

        self._until(look, SETTLE)
        return f"set to {_says(shares)}, and read back"

    def _forward(self) -> Forward:
        """Read the rule's forward action. Raises CannotTell if the weights cannot be determined from the rule."""
        try:
            return listener_rule.read(self._elb.rule(), self._elb.groups)
        except CannotTell as unknown:
            raise CannotTell(self._about_rule(unknown)) from None

    def _refuse_changed(self, actions: Sequence[Mapping[str, object]], forward: Forward) -> None:
        """Raise NotDone if another program has changed the rule since this object read or set the rule."""
        if self._left is None:
            return
        before, left = self._left
        found = listener_rule.changed(before, actions, self._elb.groups)
        if forward.shares != left.shares:
            found = f"the weights were {_says(left.shares)} and are {_says(forward.shares)} now"
        if found:
            raise NotDone(
                f"{self._where}: {found}; find out which other program or person changes the rule, then repeat the "
                "command"
            )

    def _both(self, forward: Forward) -> None:
        missing = set(Color) - forward.attached
        if missing:
            color = missing.pop()
            raise NotDone(
                f"{self._where} does not name {color}'s target group, so the health of {color} is unknown: repeat "
                f"the release or rollback, which attaches {color} at its beginning"
            )

    def _refuse_unhealthy(self, weights: Weights) -> None:
        groups = self._elb.target_groups()
        members = self._expected(groups)
        refused = []
        for color in Color:
            if weights.share(color):
                found = self._unhealthy(groups[color], members)
                if found:
                    refused.append(target_groups.refusal(color, found, members, self.ports.of(color)))
                elif not members:
                    refused.append(f"{color} must not get traffic: every node is barred")
        if refused:
            raise NotDone("; ".join(refused))

    def _checked(self, color: Color) -> str:
        """Wait for the first health check of each target of a newly attached color.

        Returns one line with the health of the targets. The wait ends after at most `FIRST_CHECK` seconds, even if a
        target was not checked yet.
        """
        members = self._expected(self._elb.target_groups())
        found: Mapping[str, Health] = {}

        def look() -> None:
            nonlocal found
            found = self._unhealthy(self._elb.health(color, self.ports.of(color)), members)
            if any(health.state in ("initial", "unused") for health in found.values()):
                raise NotYet

        # an unhealthy color may be attached, because arm and shift refuse to send traffic to an unhealthy color
        last_refusal(look, FIRST_CHECK, self.sleep)
        healthy = f"{len(members) - len(found)} of {len(members)} targets of {color} are healthy"
        return ", ".join([healthy, *(f"{name} is {health}" for name, health in found.items())])

    def _unhealthy(self, group: Group, members: Mapping[str, str]) -> dict[str, Health]:
        return target_groups.unhealthy(group, members, self.ports.of(group.color))

    def _expected(self, groups: Mapping[Color, Group]) -> dict[str, str]:
        kept_out = target_groups.barred(groups.values())
        return {name: id for name, id in self.members.items() if id not in kept_out}

    def _targets(self, color: Color, ids: Sequence[str]) -> list[Target]:
        return [Target(id, self.ports.of(color)) for id in ids]

    def _until(self, look: Callable[[], None], patience: float) -> None:
        """Call ``look`` repeatedly until ``look`` no longer raises NotYet.

        Raises NotDone after ``patience`` seconds, with the message of the last NotYet.

        + look: a function that raises NotYet while a condition is not met
        + patience: seconds
        """
        last = last_refusal(look, patience, self.sleep)
        if last is not None:
            raise NotDone(f"{last} (after {patience:.0f} s)")

    def _about_rule(self, unknown: CannotTell) -> str:
        return f"{self._where}: {unknown}"


def _says(shares: Mapping[Color, int]) -> str:
    """Return weights as a text such as ``blue 100, green 0``.

    + shares: color -> weight. A color that is left out is detached, as in ``blue detached, green 100``.
    """
    return ", ".join(f"{color} {shares[color]}" if color in shares else f"{color} detached" for color in Color)
