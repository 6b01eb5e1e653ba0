"""The common base of the kinds of source whose files are a directory tree on the operator's machine."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

from typing_extensions import override

from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.operations.receive import receive
from orchestrator.scratch import Bundle
from orchestrator.source import bundle, workspace
from orchestrator.source.kind import Call, SourceKind, Supply, Version


class Tree(SourceKind):
    """A source whose files the operator's machine copies to a temporary directory.

    The operator's machine runs the build steps with ``on = "operator"`` in this copy, and pushes the copy to the nodes.
    """

    pushes = True

    @abstractmethod
    def files(self, fleet: Fleet, version: Version) -> Bundle:
        """Return a copy of the version's files, in which no build step has run yet.

        Raises OrchestratorError if the files cannot be copied, or have changed since the plan was made.
        """

    @override
    def fetch(self, release: str, revision: str) -> Call:
        # `expected` is empty: the hash of the files is known only after the build steps (`Delivery.arguments`)
        return receive, {"root": self.settings.node.root, "release": release, "expected": ""}

    @override
    def supply(self, fleet: Fleet, version: Version, release: str, color: Color) -> Supply:
        made = self.files(fleet, version)
        try:
            return Supply(self._built(made, release, color))
        except BaseException:
            made.remove()
            raise

    def _built(self, made: Bundle, release: str, color: Color) -> Bundle:
        steps = [step for step in self.settings.build if step.on == "operator"]
        if not steps:
            return made
        about = {"RELEASE": release, "COLOR": color.value, "RELEASE_PATH": str(made.path)}
        workspace.build(made.path, steps, workspace.store_of(self.settings.name), about)
        return replace(made, tree=bundle.hash_of(made.path))
