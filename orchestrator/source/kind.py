"""The interface of all kinds of source: git, tarball, checkout, directory. Each kind is a class in its own file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from orchestrator.config import Settings
from orchestrator.facts.commits import Changes
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.scratch import Bundle

Call = tuple[Callable[..., Any], dict[str, Any]]
"""A pyinfra operation and its arguments: name of an argument -> value."""


@dataclass(frozen=True)
class Version:
    """A version of the application.

    + ref: the name of the version, as the operator or the settings give the name
    + revision: the hash of the version: a git commit hash, the SHA-256 of a tarball, or the hash of a directory's files
    """

    ref: str
    revision: str


@dataclass(frozen=True)
class Supply:
    """The files and the secret that the operator's machine supplies to the nodes for the stage ``fetch``.

    + bundle: the files that the operator's machine pushes to every node; None if the nodes fetch the files themselves
    + stdin: the secret (a login or a URL) that the fetch operation on a node reads from standard input; None if the
      operation needs no secret
    """

    bundle: Bundle | None = None
    stdin: str | None = None


class SourceKind(ABC):
    """A kind of source, from which the files of a release come.

    + noun: the name of the kind in messages
    + pushes: whether the operator's machine pushes files to the nodes. If so, rsync must be able to reach the nodes.
    + takes_sha256: whether the operator may give the SHA-256 of a tarball with ``--data sha256=``
    """

    noun: ClassVar[str]
    pushes: ClassVar[bool] = False
    takes_sha256: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def version(self, fleet: Fleet, options: Options) -> Version:
        """Return the version that the options name. If the options name no version, the settings name the version.

        Raises UsageError if there is no such version, and Refused if the version cannot be determined.
        """

    def changes(self, fleet: Fleet, old: str, new: str) -> Changes | None:
        """Return the commits by which two releases differ; None if they are unknown. Only git has commits.

        + old, new: the hashes of the versions of the releases, or the first 7 digits of the hashes
        """
        return None

    def risks(self, fleet: Fleet, version: Version) -> list[str]:
        """Return the risks of a version that a plan should show, one line for each. The fleet is not changed."""
        return []

    @abstractmethod
    def fetch(self, release: str, revision: str) -> Call:
        """Return the pyinfra operation that brings a version to a node, and the operation's arguments. Pure.

        + release: id of the new release
        + revision: the hash of the version, as in `Version`
        """

    @abstractmethod
    def supply(self, fleet: Fleet, version: Version, release: str, color: Color) -> Supply:
        """Prepare, on this machine, the files or the secret that the nodes need to fetch a version, and return them.

        ``Delivery.prepare`` calls this method once for each version, before any node fetches the version.

        + release, color: values of RELEASE and COLOR for the build steps on this machine

        Raises CommandFailed if a build step fails, and OrchestratorError for every other failure.
        """
