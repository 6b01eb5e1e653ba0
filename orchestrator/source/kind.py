"""The interface of all kinds of source: git, tarball, checkout, directory. Each kind has one file with one class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from orchestrator.config import Settings
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.scratch import Bundle

Call = tuple[Callable[..., Any], dict[str, Any]]
"""A pyinfra operation and its arguments."""


@dataclass(frozen=True)
class Version:
    """A version of the application.

    + ref: the name of the version, as the operator or the settings give it
    + revision: the commit, the SHA-256 of the tarball, or the hash of the directory's files
    """

    ref: str
    revision: str


@dataclass(frozen=True)
class Supply:
    """What the operator's machine supplies for the fetch on the nodes.

    + bundle: the files that are pushed to every node; None if the nodes pull the files
    + stdin: the secret (a login or a URL) that the fetch operation on a node reads from standard input; None if it
      needs no secret
    """

    bundle: Bundle | None = None
    stdin: str | None = None


class SourceKind(ABC):
    """A kind of source, from which the files of a release come.

    + noun: the name of the kind in messages
    + pushes: whether the operator's machine pushes files, so that rsync has to reach the nodes
    + takes_sha256: whether ``--data sha256=`` may be given: the SHA-256 of the tarball
    """

    noun: ClassVar[str]
    pushes: ClassVar[bool] = False
    takes_sha256: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def version(self, fleet: Fleet, options: Options) -> Version:
        """Return the version that the options name; if they name no version, the version that the settings name.

        Raises UsageError if there is no such version, and Refused if the version cannot be determined.
        """

    @abstractmethod
    def fetch(self, release: str, revision: str) -> Call:
        """Return the operation that brings a version to a node, and the arguments of the operation. Pure.

        + release: id of the new release
        + revision: revision of the version
        """

    @abstractmethod
    def supply(self, fleet: Fleet, version: Version, release: str, color: Color) -> Supply:
        """Prepare on this machine what the nodes need for the fetch, and return it.

        ``Delivery.prepare`` calls this method once for each version, before any node fetches the version.

        + release, color: values for the environment of build steps on this machine

        Raises CommandFailed if a build step fails, and OrchestratorError for every other failure.
        """
