"""The source: a git repository that every node can reach. The nodes fetch one commit from this repository."""

from __future__ import annotations

from typing import Any

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.source import GitSource
from orchestrator.facts.commits import Changes, Commits
from orchestrator.facts.contents import Contents, Found
from orchestrator.facts.revision import Named, Revision, resolve
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.operations.fetch import fetch
from orchestrator.options import Options
from orchestrator.source.contents import missing
from orchestrator.source.kind import Call, SourceKind, Supply, Version

ASKED = 3
"""The largest number of nodes that are asked for a commit. If a node does not answer, the next node is asked."""


class Git(SourceKind):
    """A source: a git repository (the origin), from which the nodes fetch a commit."""

    noun = "a git repository"

    def __init__(self, settings: Settings, source: GitSource) -> None:
        super().__init__(settings)
        self._source = source

    @override
    def version(self, fleet: Fleet, options: Options) -> Version:
        ref = options.ref or self._source.ref
        return Version(ref, self.revision(fleet, ref))

    @override
    def risks(self, fleet: Fleet, version: Version) -> list[str]:
        about = {**self._origin, "root": self.settings.node.root, "revision": version.revision}

        def look(host: Host) -> Found:
            found: Found = fleet.look(host, Contents, stdin=self._source.login or None, **about)
            return found

        found = Found()
        if not (self._source.submodules and self._source.lfs):
            for name in [name for name in fleet.nodes if fleet.host(name).connected][:1]:
                found = fleet.one(name, look, self.settings.deadlines.look + 15.0).value or found
        return missing(found, self._source, self.settings)

    def revision(self, fleet: Fleet, ref: str) -> str:
        """Return the hash of the commit that a ref names in the origin.

        A node asks the origin. If the node does not answer, another node asks.

        If the ref is a full commit hash, this returns the ref unchanged, even if the origin has no such commit.

        + ref: name of a branch or tag, or a commit hash

        Raises UsageError if the origin has no such ref. Raises Refused if no node answers, or if the origin does not
        answer.
        """
        about = {**self._origin, "root": self.settings.node.root, "ref": ref}

        def ask(host: Host) -> Named:
            named: Named = fleet.look(host, Revision, stdin=self._source.login or None, **about)
            return named

        reachable = [name for name in fleet.nodes if fleet.host(name).connected]
        named = Named({"error": "no node can be reached"})
        for name in reachable[:ASKED]:
            reply = fleet.one(name, ask, self.settings.deadlines.look + 15.0)
            if reply.value is not None:
                named = reply.value
                break
            named = Named({"error": f"{name}: {reply.error}"})
        return resolve(ref, named)

    @override
    def changes(self, fleet: Fleet, old: str, new: str) -> Changes | None:
        about = {**self._origin, "root": self.settings.node.root, "old": old, "new": new}

        def look(host: Host) -> Changes | None:
            found: Changes | None = fleet.look(host, Commits, stdin=self._source.login or None, **about)
            return found

        for name in [name for name in fleet.nodes if fleet.host(name).connected][:1]:
            return fleet.one(name, look, self.settings.deadlines.look + 15.0).value
        return None

    @override
    def fetch(self, release: str, revision: str) -> Call:
        left_out = self.settings.left_out
        about = {"root": self.settings.node.root, "release": release, "revision": revision, "leave_out": left_out}
        extras = {"submodules": self._source.submodules, "lfs": self._source.lfs}
        return fetch, {**about, **self._origin, **extras}

    @override
    def supply(self, fleet: Fleet, version: Version, release: str, color: Color) -> Supply:
        return Supply(stdin=self._source.login or None)

    @property
    def _origin(self) -> dict[str, Any]:
        """The arguments that a fact or operation on a node needs to reach the origin: name -> value."""
        return {
            "origin": self._source.address,
            "login": bool(self._source.login),
            "ssh": self.settings.node.ssh,
        }
