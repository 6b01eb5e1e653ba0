"""Write, on the current host, the file that says which settings provisioning has applied there.

For each setting, the file has a digest of the applied value. The preflight of a run reads this file, and refuses the
run if the settings have changed since the last provisioning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pyinfra.context import host

from orchestrator import __version__
from orchestrator.config import Settings
from orchestrator.config.applied import text, unfinished
from orchestrator.provision import operations
from orchestrator.provision.facts import Entries
from orchestrator.provision.work import Work

MODE = "640"
"""Mode of the file of digests: only root and the deploy user's group may read the file.

Some digests are made from short secrets, which a reader of the file could guess.
"""


def begin(settings: Settings, digests: Mapping[str, str]) -> list[str]:
    """Replace the file of the applied settings on the current host by a note: provisioning is unfinished.

    The function `end` writes the file of the applied settings. If provisioning fails before `end`, the host may have
    only a part of the new settings. Releases are refused while the file has this note. If the file does not exist, or
    if the file already has these digests, this function changes nothing.

    The result is always an empty list, because the operator need not see this change.

    + digests: key of the settings -> digest of the value that provisioning is about to apply
    """
    path = settings.node.provisioned
    entry = host.get_fact(Entries, paths=[path]).get(path)
    if entry is not None and entry.content != hashlib.sha256(text(__version__, digests).encode()).hexdigest():
        note = unfinished(__version__)
        Work().do("settings are being applied", operations.file, path=path, text=note, group=entry.group, mode=MODE)
    return []


def end(work: Work, settings: Settings, digests: Mapping[str, str]) -> None:
    """Write the file of the applied settings on the current host. The file has a digest of each value.

    The preflight of a run compares the digests with the present settings.

    + work: runs the operation, or only notes it
    + digests: key of the settings -> digest of the value that provisioning has applied
    """
    work.do(
        "list of the settings that were applied",
        operations.file,
        path=settings.node.provisioned,
        text=text(__version__, digests),
        group=work.account(settings.user).group,
        mode=MODE,
    )
