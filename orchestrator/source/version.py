"""Determine the version that a run releases, once for the whole fleet."""

from __future__ import annotations

from orchestrator.errors import Refused, UsageError
from orchestrator.facts.commits import Changes
from orchestrator.fleet import Fleet
from orchestrator.options import Options
from orchestrator.source import push
from orchestrator.source.git import Git
from orchestrator.source.kind import Version
from orchestrator.source.kinds import kind_of


def version(fleet: Fleet, options: Options) -> Version:
    """Return the version that the options or the settings name.

    Raises UsageError if there is no such version, or if ``--data sha256=`` is given for a source that is no tarball.
    Raises Refused if the version cannot be determined, or if rsync cannot push the version's files to one of the nodes.
    """
    kind = kind_of(fleet.settings)
    if options.sha256 and not kind.takes_sha256:
        raise UsageError(
            f"--data sha256= has an effect only on a tarball, but the source is {kind.noun}: remove --data sha256="
        )
    if kind.pushes:
        _check_push(fleet)
    return kind.version(fleet, options)


def revision(fleet: Fleet, ref: str) -> str:
    """Return the hash of the commit that a ref names in the git repository ``source.origin``.

    + ref: name of a branch or tag, or a commit hash

    Raises UsageError if the repository has no such ref. Raises Refused if the repository does not answer, or if the
    source is not git.
    """
    kind = kind_of(fleet.settings)
    if not isinstance(kind, Git):
        raise Refused(
            f"the version of {ref} is unknown: the journal no longer has this version, and the source is {kind.noun}"
        )
    return kind.revision(fleet, ref)


def changes(fleet: Fleet, old: str, new: str) -> Changes | None:
    """Return the commits by which two releases differ; None if they are unknown, or if the source is not git.

    + old, new: the commits of the releases. If a release is on the nodes, the first 7 digits are enough
    """
    return kind_of(fleet.settings).changes(fleet, old, new)


def _check_push(fleet: Fleet) -> None:
    """Raise Refused if rsync cannot push files to one of the nodes."""
    problems = dict.fromkeys(push.problem(fleet.host(name)) for name in fleet.nodes)
    if found := [problem for problem in problems if problem]:
        raise Refused("; ".join(found))
