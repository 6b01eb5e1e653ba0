"""A fleet of many nodes that all do the same: only the first node runs scripts, and its answers serve for all nodes.

A release of 1,000 nodes thus costs this process what the engine costs, and not the time of 100,000 shell processes.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import Any, cast

from pyinfra.api.command import StringCommand
from pyinfra.connectors.fake import FakeConnector
from pyinfra.connectors.util import (
    CommandOutput,
    extract_control_arguments,
    make_unix_command_for_host,
)
from typing_extensions import override

from tests.fakes.world import World, output

MARK = re.compile("answer-[0-9a-f]{16}")
"""Matches the random word that the engine puts around the answer of a command."""

KEPT = "answer-kept"
"""Takes the place of the random word in the commands and answers that are kept."""


class Alike(World):
    """A world in which a command has the same answer on each node. The balancers run scripts, too, as in `World`.

    The first node really runs each command as soon as any node gets the command. If the nodes get the same command
    several times, the k-th answer of the first node is the k-th answer of each other node.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.own_cpu = 0.0
        """Seconds of CPU of this process that the fake nodes and balancers have used."""
        self.ran = 0
        """Number of commands that the first node has really run."""
        self._numbers: dict[tuple[str, str], int] = {}
        """Text and standard input of a command -> number of the command."""
        self._asked: Counter[tuple[str, int]] = Counter()
        """Name of a node and number of a command -> how many times the node got the command."""
        self._kept: dict[tuple[int, int], tuple[bool, str, str]] = {}
        """Number of a command and turn -> whether the command succeeded, and the texts of its two outputs."""
        super().__init__(*arguments, **named)
        self._members = "".join(f" {node}={node}" for node in self.nodes)
        """The nodes and their addresses, as in the commands with which a balancer asks all nodes for an answer."""

    @override
    def text_of(self, connector: FakeConnector, command: StringCommand | str, arguments: dict[str, Any]) -> str:
        """Return the text that pyinfra would send over SSH, so that the engine's CPU time contains its making."""
        extract_control_arguments(cast(Any, arguments))
        made = make_unix_command_for_host(connector.state, connector.host, StringCommand(command), **arguments)
        return made.get_raw_value()

    @override
    def answer(self, connector: FakeConnector, command: str, stdin: str = "") -> tuple[bool, CommandOutput]:
        name = connector.host.name
        began = time.process_time()
        if name in self.down:
            return False, CommandOutput([])
        if name in self.balancers:
            good, said = self._answer_of_balancer(name, command, stdin)
        else:
            good, said = self._answer_of_all(name, command, stdin)
        self.own_cpu += time.process_time() - began
        return good, said

    def _answer_of_all(self, name: str, command: str, stdin: str) -> tuple[bool, CommandOutput]:
        found = MARK.search(command)
        mark = found[0] if found else KEPT
        alike = command.replace(mark, KEPT), stdin
        number = self._numbers.setdefault(alike, len(self._numbers))
        self._asked[name, number] += 1
        turn = number, self._asked[name, number]
        if turn not in self._kept:
            self.ran += 1
            done = self.perform(self.nodes[0], *alike)
            self._kept[turn] = done.returncode == 0, done.stdout, done.stderr
        good, *outputs = self._kept[turn]
        # each node gets texts of its own, as over SSH: otherwise the answers of 1,000 nodes would need no memory
        return good, output(*(said.replace(KEPT, mark) for said in outputs))

    def _answer_of_balancer(self, name: str, command: str, stdin: str) -> tuple[bool, CommandOutput]:
        """Run a command of a balancer. If it asks all nodes for an answer, only the first node is really asked."""
        first = self.nodes[0]
        done = self.perform(name, command.replace(self._members, f" {first}={first}"), stdin)
        if self._members not in command:
            return done.returncode == 0, output(done.stdout, done.stderr)
        lines = [(line, line.removeprefix(f"{first}=")) for line in done.stdout.splitlines(keepends=True)]
        stdout = "".join(
            line if rest == line else "".join(f"{node}={rest}" for node in self.nodes) for line, rest in lines
        )
        return done.returncode == 0, output(stdout, done.stderr)

    def journal(self, number: int) -> str:
        """Return the journal of a run.

        + number: number of the run, from 1
        """
        (file,) = (self.path / self.balancers[0]).glob(f"**/journal/runs/{number:010}.jsonl")
        return file.read_text()

    @override
    def _provision_node(self, name: str) -> None:
        if name == self.nodes[0]:
            super()._provision_node(name)
        else:
            # the balancers read the state of each node
            (self.path / name).symlink_to(self.nodes[0])
