"""Which version a release is made of: what a ref names, decided once for the whole fleet."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api.host import Host

from orchestrator.config.source import REF, ArchiveSource, ArtifactSource, DirectorySource, GitSource, Tarball, shown
from orchestrator.errors import Refused, UsageError
from orchestrator.facts.revision import Named, Revision, resolve
from orchestrator.fleet import Fleet
from orchestrator.options import Options
from orchestrator.source import bundle, push
from orchestrator.source.delivery import copied, located


@dataclass(frozen=True)
class Version:
    """The version that a release is made from.

    + ref: as it was asked for
    + revision: the commit, the tarball's sha256, or the hash of a directory's files
    """

    ref: str
    revision: str


def version(fleet: Fleet, options: Options) -> Version:
    """The version that was asked for. Raises UsageError if there is none, Refused if nobody can say."""
    source = fleet.settings.source
    if options.sha256 and not isinstance(source, Tarball):
        raise UsageError(f"--data sha256= is for archives, and the source is of kind {source.kind}")
    if source.is_sent or (isinstance(source, ArchiveSource) and source.file):
        _can_push(fleet)
    match source:
        case GitSource():
            ref = options.ref or source.ref
            return Version(ref, revision(fleet, ref))
        case DirectorySource(path=path):
            if options.ref:
                raise UsageError("--data ref= names a version, and a directory (source.path) has none")
            made = copied(source, fleet)
            made.remove()
            return Version(path, made.tree)
        case ArtifactSource(checkout=str(checkout)):
            if options.sha256:
                raise UsageError("--data sha256= is for archives, and source.checkout is a repository")
            ref = options.ref or source.ref or "HEAD"
            return Version(ref, _commit(checkout, ref))
        case Tarball():
            return _tarball(source, options)
    raise AssertionError(f"nobody knows versions of {source.kind}")


def revision(fleet: Fleet, ref: str) -> str:
    """The commit that a ref names, as the origin says that the first node reaches.

    Raises UsageError if there is none, Refused if the origin does not answer.
    """
    settings, source = fleet.settings, fleet.settings.source
    if not isinstance(source, GitSource):
        raise Refused(f"nobody knows the version of {ref}: the journal has it no more")

    def ask(host: Host) -> Named:
        about = {"root": settings.node.root, "origin": source.address, "ref": ref, "login": bool(source.login)}
        about["ssh"] = settings.node.ssh
        named: Named = fleet.look(host, Revision, stdin=source.login or None, **about)
        return named

    reachable = [name for name in fleet.nodes if fleet.host(name).connected]
    named = Named({"error": "no node can be reached"})
    for name in reachable[:1]:
        reply = fleet.one(name, ask, settings.deadlines.look + 15.0)
        named = reply.value or Named({"error": f"{name}: {reply.error}"})
    return resolve(ref, named)


def _can_push(fleet: Fleet) -> None:
    """Raises Refused where rsync could not do its work."""
    problems = dict.fromkeys(push.problem(fleet.host(name)) for name in fleet.nodes)
    if found := [problem for problem in problems if problem]:
        raise Refused("; ".join(found))


def _tarball(source: Tarball, options: Options) -> Version:
    ref = options.ref or source.ref or ""
    file = source.file if isinstance(source, ArchiveSource) else None
    where, key = (file, "file") if file else (source.address, "url")
    if options.ref and REF not in where:
        raise UsageError(f"--data ref= would change nothing: source.{key} has no {REF}")
    if REF in where and not ref:
        raise UsageError(f"source.{key} has {REF}: name the version, --data ref=")
    # a sum of the settings is of the version of the settings
    known = options.sha256 or (source.sha256 if not options.ref or options.ref == source.ref else None)
    if file:
        path = located(file, ref)
        found = bundle.sha256(path)
        if known and known != found:
            raise Refused(f"{path} has the sha256 {found}, and {known} is wanted")
        return Version(ref or path.name, found)
    if not known:
        raise UsageError(f"the sha256 of {shown(where).replace(REF, ref)} is missing: --data sha256=, or source.sha256")
    return Version(ref or Path(shown(where)).name, known)


def _commit(checkout: str, ref: str) -> str:
    """The commit that a ref names in a repository on this machine. Raises UsageError."""

    def git(*words: str) -> subprocess.CompletedProcess[str]:
        path = Path(checkout).expanduser()
        return subprocess.run(["git", "-C", path, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)

    there = git("rev-parse", "--git-dir")
    if there.returncode:
        raise UsageError(f"settings: source.checkout: {there.stderr.strip()}")
    said = git("show-ref", "--dereference", f"refs/heads/{ref}", f"refs/tags/{ref}").stdout
    if said:
        return resolve(ref, Named({name: commit for commit, name in map(str.split, said.splitlines())}))
    found = git("rev-parse", "-q", "--verify", f"{ref}^{{commit}}").stdout.strip()
    if not found:
        raise UsageError(f"{checkout} has no branch, tag or commit {ref}")
    return found
