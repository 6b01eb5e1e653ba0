"""The common interface of the kinds of source: git, tarballs, checkouts, directories. One file, one class per kind."""

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

    + ref: the name that the operator asked for
    + revision: the commit, the tarball's sha256, or the hash of a directory's files
    """

    ref: str
    revision: str


@dataclass(frozen=True)
class Supply:
    """The operator's part of a fetch.

    + bundle: the files that are pushed to every node; None if the nodes pull
    + stdin: the secret that the fetch on a node reads from standard input (a login, or a URL); None if there is none
    """

    bundle: Bundle | None = None
    stdin: str | None = None


class SourceKind(ABC):
    """Where the files of a release come from.

    + noun: the kind's name in messages
    + pushes: whether files are pushed from the operator's machine, so that rsync has to reach the nodes
    + takes_sha256: whether ``--data sha256=`` names the bytes of a version
    """

    noun: ClassVar[str]
    pushes: ClassVar[bool] = False
    takes_sha256: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def version(self, fleet: Fleet, options: Options) -> Version:
        """The version that the options name, else the version that the settings name.

        Raises UsageError if there is no such version, Refused if the version cannot be determined.
        """

    @abstractmethod
    def fetch(self, release: str, revision: str) -> Call:
        """The operation that brings a version to a node, and its arguments. Pure.

        + release: the id of the new release
        """

    @abstractmethod
    def supply(self, fleet: Fleet, version: Version, release: str, color: Color) -> Supply:
        """Do the operator's part of a fetch: once per version, before any node fetches.

        + release, color: values for the environment of build steps on this machine

        Raises OrchestratorError, and CommandFailed for a build step.
        """
