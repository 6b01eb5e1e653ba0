"""Choose the class of the source that the settings name.

To add a kind of source, write its section and its class, and add a case to `kind_of`.
"""

from __future__ import annotations

from orchestrator.config import Settings
from orchestrator.config.source import ArchiveSource, ArtifactSource, DirectorySource, GitSource, Tarball
from orchestrator.source.archive import ArchiveFile
from orchestrator.source.checkout import Checkout
from orchestrator.source.directory import Directory
from orchestrator.source.git import Git
from orchestrator.source.kind import SourceKind
from orchestrator.source.tarball import Download


def kind_of(settings: Settings) -> SourceKind:
    """Return the object that represents the source in the settings.

    If an archive or artifact has the key ``url``, the nodes download a tarball. If an archive has ``file``, or an
    artifact has ``checkout``, the operator's machine pushes the files.
    """
    match settings.source:
        case GitSource() as source:
            return Git(settings, source)
        case ArchiveSource(file=str(file)) as source:
            return ArchiveFile(settings, source, file)
        case ArtifactSource(checkout=str(checkout)) as source:
            return Checkout(settings, source, checkout)
        case DirectorySource() as source:
            return Directory(settings, source)
        case Tarball() as source:
            return Download(settings, source)
    raise AssertionError(f"no class for a source of kind {settings.source.kind}")
