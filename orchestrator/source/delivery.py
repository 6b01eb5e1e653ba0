"""What the operator's machine does for a fetch: the URL that the nodes pull, or the files that they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pyinfra.api.host import Host

from orchestrator.config.source import REF, ArchiveSource, ArtifactSource, DirectorySource, GitSource, Tarball
from orchestrator.errors import OrchestratorError
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.source import bundle, push, workspace
from orchestrator.source.bundle import Bundle

SIGNED = 3600
"""Seconds for which a presigned URL is good."""


class Delivery:
    """Of one run."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._source = fleet.settings.source
        self._bundle: Bundle | None = None
        self._ready: tuple[str, str] | None = None
        self.stdin: str | None = None
        """What the nodes' script reads: a secret."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What the nodes' operation is told beside the plan."""
        return {"expected": self._bundle.tree} if self._bundle and self._bundle.tree else {}

    def prepare(self, ref: str, revision: str, release: str, color: Color) -> None:
        """Make ready what the nodes get, once a version.

        Raises OrchestratorError, and CommandFailed for a build step.

        + ref: version that was asked for
        + revision: commit, or what the kind of source has instead
        + release, color: what build steps on this machine are told
        """
        if self._ready == (ref, revision):
            return
        self.close()
        match self._source:
            case GitSource() as git:
                self.stdin = git.login or None
            case ArchiveSource(file=str(file)):
                path = located(file, ref)
                if bundle.sha256(path) != revision:
                    raise OrchestratorError(f"{path} is another file than it was: release anew")
                self._bundle = bundle.tarball(path)
            case ArtifactSource(checkout=str(checkout)):
                self._bundle = bundle.export(checkout, revision)
                self._build(release, color)
            case DirectorySource() as source:
                self._bundle = copied(source, self._fleet)
                if self._bundle.tree != revision:
                    raise OrchestratorError(f"{source.path} has changed since it was looked at: release anew")
                self._build(release, color)
            case Tarball() as source:
                url = self._url(source, ref)
                self._fleet.mask.add([url, urlsplit(url).query])
                # quotes and backslashes are all that curl's quoted strings know
                quoted = url.replace("\\", "\\\\").replace('"', '\\"')
                self.stdin = f'url = "{quoted}"\n'
        self._ready = ref, revision

    def push(self, host: Host, release: str, live: str | None) -> None:
        """Send a node what it gets, if it does not pull it itself. Raises CommandFailed.

        + live: the live release, whose equal files are copied
        """
        if self._bundle is None:
            return
        directory = f"{self._fleet.settings.node.releases}/.{release}.part"
        push.push(host, self._bundle.path, directory, f"../{live}" if live else None)

    def close(self) -> None:
        """Nothing is left on this machine."""
        if self._bundle:
            self._bundle.remove()
            self._bundle = None

    def _build(self, release: str, color: Color) -> None:
        settings, made = self._fleet.settings, self._bundle
        steps = [step for step in settings.build if step.on == "operator"]
        if made is None or not steps:
            return
        about = {"RELEASE": release, "COLOR": color.value, "RELEASE_PATH": str(made.path)}
        workspace.build(made.path, steps, workspace.store_of(settings.app), about)
        self._bundle = replace(made, tree=bundle.hash_of(made.path))

    def _url(self, source: Tarball, ref: str) -> str:
        url = source.address.replace(REF, ref)
        if not url.startswith("s3://"):
            return url
        from orchestrator.aws.api import Account

        bucket, _, key = url.removeprefix("s3://").partition("/")
        return Account(source.region, source.profile, source.endpoint_url).presigned(bucket, key, SIGNED)


def located(file: str, ref: str) -> Path:
    """Where an archive's file is on this machine."""
    return Path(file.replace(REF, ref)).expanduser()


def copied(source: DirectorySource, fleet: Fleet) -> Bundle:
    """A copy of the directory as it is now. Raises OrchestratorError."""
    settings = fleet.settings
    # a seeded directory gets what the version has there
    replaced = [f"/{path}" for path in settings.left_out if path not in settings.shared.seed]
    return bundle.snapshot(source.path, [*source.exclude, *replaced])
