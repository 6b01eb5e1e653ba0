"""Prepare the files of a release once on the operator's machine, and push these files to each node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyinfra.api.host import Host

from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.source import push
from orchestrator.source.kind import Supply, Version
from orchestrator.source.kinds import kind_of


class Delivery:
    """Does the work of the operator's machine in the stage ``fetch`` of one run.

    If the nodes are in batches, the run has one stage ``fetch`` for each batch. All these stages use the same prepared
    files.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._kind = kind_of(fleet.settings)
        self._supply = Supply()
        self._ready: Version | None = None

    @property
    def stdin(self) -> str | None:
        """The secret that the fetch operation on a node reads from standard input.

        The secret is a login or a URL. None means that the operation needs no secret.
        """
        return self._supply.stdin

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments of the fetch operation that are known only after ``prepare``: name -> value.

        The only name is ``expected``. Its value is the hash of the pushed files. If this machine pushes no files, or
        only a tarball, there are no such arguments.
        """
        made = self._supply.bundle
        return {"expected": made.tree} if made and made.tree else {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines for the operator about the prepared files."""
        return self._supply.bundle.warnings if self._supply.bundle else ()

    def prepare(self, ref: str, revision: str, release: str, color: Color) -> None:
        """Prepare the files of a version for the nodes. A second call for the same version does nothing.

        + ref, revision: name and hash of the version, as in `Version`
        + release, color: values of RELEASE and COLOR for the build steps on this machine

        Raises CommandFailed if a build step fails, and OrchestratorError for every other failure.
        """
        version = Version(ref, revision)
        if self._ready == version:
            return
        self.close()
        self._supply = self._kind.supply(self._fleet, version, release, color)
        self._ready = version

    def push(self, host: Host, release: str, live: str | None) -> None:
        """Push the files of a release to a node. If the nodes fetch the files themselves, this does nothing.

        + live: id of the live release. If the live release has the same file at the same path, rsync sends nothing,
          and copies the file on the node. None if there is no live release.

        Raises CommandFailed if rsync fails.
        """
        if self._supply.bundle is None:
            return
        releases = self._fleet.settings.node.releases
        like = f"{releases}/{live}" if live else None
        push.push(host, self._supply.bundle.path, f"{releases}/.{release}.part", like)

    def close(self) -> None:
        """Remove the prepared files from this machine."""
        if self._supply.bundle:
            self._supply.bundle.remove()
        self._supply, self._ready = Supply(), None
