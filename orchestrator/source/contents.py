"""Find the contents of a version that a release would lack, because a setting of the source is off."""

from __future__ import annotations

from orchestrator.config import Settings
from orchestrator.config.source import Repository
from orchestrator.facts.contents import Found

FEW = 3
"""The largest number of submodules that a line names."""


def missing(found: Found, source: Repository, settings: Settings) -> list[str]:
    """Return one line for the submodules, and one line for the files in Git LFS, that a release would lack. Pure.

    + found: the contents of the version
    """
    kept = [
        path for path in found.submodules if not f"{path}/".startswith(tuple(f"{out}/" for out in settings.left_out))
    ]
    lines = []
    if kept and not source.submodules:
        more = f" and {len(kept) - FEW} more" if len(kept) > FEW else ""
        lines.append(
            f"the version has submodules ({', '.join(kept[:FEW])}{more}), whose directories stay empty, because the "
            "setting source.submodules is off"
        )
    if found.lfs and not source.lfs:
        lines.append(
            "the version has files in Git LFS, of which the release may get only the pointers, because the setting "
            "source.lfs is off"
        )
    return lines
