"""Leave on the current host which settings provisioning has applied there. The preflight of a run reads this file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pyinfra.context import host

from orchestrator import __version__
from orchestrator.config import Settings
from orchestrator.config.applied import text, unfinished
from orchestrator.provision import operations
from orchestrator.provision.common import account_of
from orchestrator.provision.facts import Entries
from orchestrator.provision.work import Work

MODE = "640"
"""Only root and the deploy user's group may read the file, because some digests are made from short secrets."""


def begin(settings: Settings, digests: Mapping[str, str]) -> list[str]:
    """Note on the current host that provisioning is changing the host, unless it has these settings already.

    If provisioning then fails, nobody knows which settings the host has, and releases are refused. A host without the
    file stays without the file.

    + digests: key -> digest of the value that provisioning is about to apply

    Returns an empty list, because the note is no change that the operator must know.
    """
    path = settings.node.provisioned
    entry = host.get_fact(Entries, paths=[path]).get(path)
    if entry is not None and entry.content != hashlib.sha256(text(__version__, digests).encode()).hexdigest():
        note = unfinished(__version__)
        Work().do("settings are being applied", operations.file, path=path, text=note, group=entry.group, mode=MODE)
    return []


def end(settings: Settings, digests: Mapping[str, str]) -> list[str]:
    """Write on the current host which settings provisioning has applied. Returns the operation's name if it changed.

    + digests: key -> digest of the value that provisioning has applied
    """
    work = Work()
    work.do(
        "list of the settings that were applied",
        operations.file,
        path=settings.node.provisioned,
        text=text(__version__, digests),
        group=account_of(settings.user).group,
        mode=MODE,
    )
    return work.changed
