"""The operator's part of a run's fetches: the files are prepared once, then pushed to each node."""

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
    """The delivery of one run."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._kind = kind_of(fleet.settings)
        self._supply = Supply()
        self._ready: Version | None = None

    @property
    def stdin(self) -> str | None:
        """The secret that the fetch on a node reads from standard input; None if there is none."""
        return self._supply.stdin

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The fetch's arguments that are known only after ``prepare``: the hash of the pushed files."""
        made = self._supply.bundle
        return {"expected": made.tree} if made and made.tree else {}

    def prepare(self, ref: str, revision: str, release: str, color: Color) -> None:
        """Prepare the files for the nodes, once per version.

        + ref, revision: the version's ref and revision
        + release, color: values for the environment of build steps on this machine

        Raises OrchestratorError, and CommandFailed for a build step.
        """
        version = Version(ref, revision)
        if self._ready == version:
            return
        self.close()
        self._supply = self._kind.supply(self._fleet, version, release, color)
        self._ready = version

    def push(self, host: Host, release: str, live: str | None) -> None:
        """Push the files of a release to a node, if the node does not pull them itself. Raises CommandFailed.

        + live: the live release, from which equal files are copied
        """
        if self._supply.bundle is None:
            return
        directory = f"{self._fleet.settings.node.releases}/.{release}.part"
        push.push(host, self._supply.bundle.path, directory, f"../{live}" if live else None)

    def close(self) -> None:
        """Remove the files from this machine."""
        if self._supply.bundle:
            self._supply.bundle.remove()
        self._supply, self._ready = Supply(), None
