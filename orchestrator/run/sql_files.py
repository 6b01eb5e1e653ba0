"""Read the SQL files of a release from a node."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra.api.host import Host

from orchestrator.config.database import key_of
from orchestrator.database.files import Change, changes
from orchestrator.errors import UsageError
from orchestrator.facts.sql_files import SqlFiles
from orchestrator.fleet import Fleet


def sql_files(fleet: Fleet, host: Host, release: str, must: bool = True, name: str = "") -> Sequence[Change]:
    """Return the changes whose SQL files a release has. The settings of the database must have ``files``.

    + must: whether the release must have the directory. If not, a release without the directory has no files
    + name: the name of the database; empty for the section ``database``

    Raises UsageError if the directory is missing, or if the name of a file is wrong.
    """
    settings = fleet.settings
    directory = settings.all_databases[name].files
    found = fleet.look(
        host, SqlFiles, root=settings.node.root, release=release, directory=directory, user=settings.user
    )
    if found is None and must:
        raise UsageError(f"settings: {key_of(name)}.files: the release {release} has no directory {directory}")
    return changes(found or {})
