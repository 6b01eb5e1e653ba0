"""Read the hash over the files of a release on a node."""

from __future__ import annotations

import re

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.scripts.command import question

HASH = re.compile(r"[0-9a-f]{64}")

SCRIPT = 'IFS= read -r hash <"$1/releases/$2/.release/tree" && echo "$hash"'


class Tree(Fact[str]):
    """
    Returns the hash over the files of a release, which was calculated when the files arrived on the node.

    + root: directory of the application
    + release: id of the release
    """

    @override
    def command(self, root: str, release: str) -> StringCommand:
        return question(SCRIPT, root, release)

    @override
    def parse(self, output: list[str]) -> str:
        [found] = output
        if not HASH.fullmatch(found):
            raise ValueError(f"{found} is not a hash")
        return found
