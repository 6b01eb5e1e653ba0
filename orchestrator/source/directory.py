"""The source: a directory on the operator's machine.

This machine copies the directory, runs the build steps in the copy, and pushes the copy to the nodes.
"""

from __future__ import annotations

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.source import DirectorySource
from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.fleet import Fleet
from orchestrator.options import Options
from orchestrator.scratch import Bundle
from orchestrator.source import bundle
from orchestrator.source.kind import Version
from orchestrator.source.tree import Tree


class Directory(Tree):
    """A source: the files that a directory on the operator's machine contains when the plan of the run is made."""

    noun = "a directory"

    def __init__(self, settings: Settings, source: DirectorySource) -> None:
        super().__init__(settings)
        self._source = source

    @override
    def version(self, fleet: Fleet, options: Options) -> Version:
        if options.ref:
            raise UsageError(
                "--data ref= names a version, but a directory (source.path) has no versions: remove --data ref="
            )
        path = self._source.path
        if path not in fleet.copies:
            fleet.copies[path] = self._copied()
        return Version(path, fleet.copies[path].tree)

    @override
    def files(self, fleet: Fleet, version: Version) -> Bundle:
        # if another process made the plan, this process has no copy of the directory yet
        made = fleet.copies.pop(self._source.path, None) or self._copied()
        if made.tree != version.revision:
            made.remove()
            raise OrchestratorError(f"{self._source.path} has changed since the plan was made: release again")
        return made

    def _copied(self) -> Bundle:
        # Shared paths and the environment file are not pushed. But the directories in shared.seed are pushed, because
        # their files fill the shared directories.
        replaced = [f"/{path}" for path in self.settings.left_out if path not in self.settings.shared.seed]
        return bundle.snapshot(self._source.path, [*self._source.exclude, *replaced])
