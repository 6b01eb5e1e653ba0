"""The findings that the operator of a release accepts, each by its id and with a reason. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from orchestrator.database.findings import Finding
from orchestrator.database.lint import ALWAYS, Judged
from orchestrator.errors import UsageError


def accepted(judged: Sequence[Judged], ids: Collection[str], reason: str) -> list[Judged]:
    """Return the same results, in which the findings with these ids are overridden.

    A finding that a comment in the file overrides keeps the reason of the comment.

    + ids: ids of findings
    + reason: why the operator accepts the findings

    Raises UsageError if an id names no finding, or a finding that no reason can override.
    """
    found = {one.id: one for file in judged for one in file.findings}
    if missing := sorted(set(ids) - set(found)):
        raise UsageError(
            f"--data accept={','.join(missing)}: the stage lint has no such finding: a finding gets another id if "
            "its statement changes"
        )
    if always := sorted(one for one in ids if found[one].rule in ALWAYS):
        raise UsageError(f"--data accept={','.join(always)}: the statement cannot run, so change the file")

    def said(one: Finding) -> Finding:
        return one.accepted(reason) if one.id in ids and not one.reason else one

    return [replace(file, findings=tuple(map(said, file.findings))) for file in judged]
