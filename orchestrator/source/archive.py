"""The source: a tarball on the operator's machine. This machine pushes the tarball, and the nodes extract it."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.source import REF, ArchiveSource
from orchestrator.errors import OrchestratorError, Refused
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.operations.extract import extract
from orchestrator.options import Options
from orchestrator.scratch import Bundle
from orchestrator.source import bundle
from orchestrator.source.kind import Call, SourceKind, Supply, Version
from orchestrator.source.tarball import ref_of, sha256_of


class ArchiveFile(SourceKind):
    """A source: a tarball that is a file on the operator's machine. This machine pushes the tarball to the nodes."""

    noun = "a tarball"
    pushes = True
    takes_sha256 = True

    def __init__(self, settings: Settings, source: ArchiveSource, file: str) -> None:
        super().__init__(settings)
        self._source = source
        self._file = file

    @override
    def version(self, fleet: Fleet, options: Options) -> Version:
        ref = ref_of(self._source, options, "file", self._file)
        wanted = sha256_of(self._source, options)
        path = self._path(ref)
        if str(path) not in fleet.copies:
            fleet.copies[str(path)] = bundle.tarball(path)
        found = _sha256(fleet.copies[str(path)])
        if wanted and wanted != found:
            raise Refused(
                f"{path} has the SHA-256 {found}, but {wanted} is expected: correct the SHA-256, or replace the file"
            )
        return Version(ref or path.name, found)

    @override
    def fetch(self, release: str, revision: str) -> Call:
        root, strip = self.settings.node.root, self._source.strip
        return extract, {"root": root, "release": release, "sha256": revision, "strip": strip, "pushed": True}

    @override
    def supply(self, fleet: Fleet, version: Version, release: str, color: Color) -> Supply:
        path = self._path(version.ref)
        # if another process made the plan, this process has no copy of the tarball yet
        made = fleet.copies.pop(str(path), None) or bundle.tarball(path)
        if _sha256(made) != version.revision:
            made.remove()
            raise OrchestratorError(f"{path} has changed since the plan was made: release again")
        return Supply(made)

    def _path(self, ref: str) -> Path:
        return Path(self._file.replace(REF, ref)).expanduser()


def _sha256(made: Bundle) -> str:
    return bundle.sha256(made.path / bundle.TARBALL)
