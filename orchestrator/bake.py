"""Watches the new color at a share of the traffic, window by window."""

from __future__ import annotations

import time
from collections.abc import Mapping

import gevent

from orchestrator.facts.answers import ColorAnswers, ColorSaid
from orchestrator.fleet import Fleet, Reply
from orchestrator.gates import http
from orchestrator.model import Color
from orchestrator.plan import Value
from orchestrator.waiting import NotYet
from orchestrator.witness import Witness


class Bake:
    """One bake. Its first failure ends it.

    + arguments: of the plan's step (stages/bake.py)
    """

    def __init__(self, fleet: Fleet, witness: Witness, arguments: Mapping[str, Value]) -> None:
        self._fleet = fleet
        self._settings = fleet.settings
        self._witness = witness
        self._color = Color(str(arguments["color"]))
        self._release = str(arguments["release"])
        self._share = int(str(arguments["share"]))
        self._seconds = float(str(arguments["seconds"]))
        nodes = arguments["nodes"]
        assert isinstance(nodes, list)
        self._nodes = nodes

    def watch(self) -> str:
        """Until its time is over. Raises NotYet with what was seen. A line of detail for the report."""
        end = time.monotonic() + self._seconds
        windows = 0
        while (left := end - time.monotonic()) > 0:
            gevent.sleep(min(left, self._settings.comparison.window))
            windows += 1
            self._witness.look()
            self._gate()
        return f"{windows} windows"

    def _gate(self) -> None:
        """The health page of every node that answers, on the node. Raises NotYet."""
        gate = self._settings.gate
        replies = self._fleet.each(
            self._nodes,
            lambda host: self._fleet.look(
                host,
                ColorAnswers,
                stdin=self._settings.token + "\n",
                root=self._settings.node.root,
                color=self._color.value,
                port=self._settings.ports.of(self._color),
                path=gate.path,
                hostname=gate.host,
                count=1,
                public=self._settings.php.public,
                inspect=f"{self._settings.node.library}/inspect.php",
            ),
            self._settings.deadlines.look,
        )
        problems = [f"{reply.name}: {problem}" for reply in replies if (problem := self._problem(reply))]
        if problems:
            raise NotYet("; ".join(problems))

    def _problem(self, reply: Reply[ColorSaid | None]) -> str | None:
        if reply.value is None:
            return reply.error or "does not answer the gate"
        return http.judge(reply.value.answers, self._release, 1)
