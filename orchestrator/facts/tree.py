"""Read the hash over the files of a release on a node."""

from __future__ import annotations

from typing import Any

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.scripts.command import script

SCRIPT = 'cat "$1/releases/$2/.release/tree"'


class Tree(FactBase[str | None]):
    """
    Returns the hash over the files of a release, which was calculated when the files arrived on the node.

    Returns None if the node did not answer.

    + root: directory of the application
    + release: id of the release
    """

    @override
    def command(self, root: str, release: str) -> StringCommand:
        return script(SCRIPT, root, release)

    @override
    def process(self, output: list[str]) -> str | None:
        return output[-1].strip() if output else None

    @staticmethod
    @override
    def default() -> Any:
        return None
