"""The base class of all facts. If a host's answer cannot be parsed, the fact raises Unclear."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.scripts.command import understood

T = TypeVar("T")


class Fact(FactBase[T]):
    """A fact about a host. A subclass makes the command, and parses the lines that the command printed.

    The command comes from `question`. Therefore, if the command fails, Unclear is raised, and pyinfra never returns the
    fact's default value for a host that did not answer.
    """

    @abstractmethod
    def parse(self, output: list[str]) -> T:
        """Return the value of the fact.

        + output: the lines that the command printed. Any line may be missing or garbled. `understood` turns the usual
          exceptions of a parser into Unclear
        """

    @override
    def process(self, output: list[str]) -> T:
        return understood(self.parse, output)
