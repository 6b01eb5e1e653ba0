"""Where a release comes from: one section per kind of source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import Field, ModelWrapValidatorHandler, PlainSerializer, SecretStr, field_validator, model_validator
from typing_extensions import override

from orchestrator.config.aws import Aws
from orchestrator.config.paths import ReleasePath
from orchestrator.config.section import Section

REF = "{ref}"
"""The placeholder for ``--data ref=`` in a URL or path."""


class Source(Section):
    """The base of every kind of source. The default kind is ``git``."""

    kind: str

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Turn a dictionary into the section of the kind that it names."""
        if cls is not Source or not isinstance(data, Mapping):
            return handler(data)
        kind = data.get("kind", DEFAULT)
        if kind not in SOURCES:
            raise ValueError(f"there is no kind {kind!r} of source: it is {', '.join(SOURCES)}")
        return SOURCES[kind].model_validate({**data, "kind": kind})  # type: ignore[return-value]

    @property
    def where(self) -> str:
        """The place of the source for messages, without secrets."""
        raise NotImplementedError

    @property
    def is_sent(self) -> bool:
        """Whether a tree of files is pushed from the operator's machine."""
        return False

    @property
    def secrets(self) -> list[str]:
        """Secrets that must not be shown anywhere."""
        return []


def shown(url: str) -> str:
    """A URL without the parts that may be secret: user, password, query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def without_login(origin: str) -> str:
    """A repository's URL without user and password for http. In a URL for SSH the user is no secret and stays."""
    return shown(origin) if urlsplit(origin).scheme in ("http", "https") else origin


class GitSource(Source):
    """A git repository that every node can reach. Each release is a worktree of the node's copy of the repository."""

    kind: Literal["git"] = "git"
    origin: Annotated[str, PlainSerializer(without_login, when_used="json")] = Field(
        min_length=1, description="URL of the git repository, as a node reaches it"
    )
    ref: str = Field(
        "main", min_length=1, description="branch, tag or commit that is released if there is no --data ref="
    )
    known_hosts: str | None = Field(
        None,
        description="file on the operator's machine with the origin's host keys; provisioning installs it on the nodes",
    )
    key: str | None = Field(
        None,
        description="file on the operator's machine with the private key for the origin; provisioning "
        "installs it on the nodes",
    )
    leave_out: list[ReleasePath] = Field(
        default_factory=list,
        description="paths that are not checked out (`public/build`). Shared paths and the environment file "
        "are never checked out, so they need not be in this list",
    )

    @field_validator("origin")
    @classmethod
    def _without_a_password_on_record(cls, origin: str) -> str:
        # a password for http is handled by `login`; a password for SSH would get into the journal and is never used
        if urlsplit(without_login(origin)).password:
            raise ValueError("it has a password that is not for http: use source.key")
        return origin

    @property
    def address(self) -> str:
        """The URL without the parts that may be secret."""
        return without_login(self.origin)

    @property
    @override
    def where(self) -> str:
        return self.address

    @property
    def login(self) -> str:
        """User and password of the URL, one per line; empty if the URL has none."""
        if self.address == self.origin:
            return ""
        parts = urlsplit(self.origin)
        return f"{unquote(parts.username or '')}\n{unquote(parts.password or '')}\n"

    @property
    @override
    def secrets(self) -> list[str]:
        return [*self.login.splitlines(), urlsplit(self.origin).password or ""] if self.login else []


Url = Annotated[SecretStr, PlainSerializer(lambda url: shown(url.get_secret_value()), when_used="json")]
"""A URL that may hold secrets, which are removed when it is recorded or shown."""


class Tarball(Source, Aws):
    """A tarball that the nodes pull."""

    ref: str | None = Field(None, min_length=1, description="version that is released if there is no --data ref=")
    url: Url | None = Field(
        None,
        description="URL of the tarball, as a node reaches it (`https://...`), or `s3://bucket/key`; `{ref}` "
        "is replaced by the version",
    )
    sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        description="SHA-256 of the tarball (64 hexadecimal digits), used if there is no --data sha256=. A "
        "`url` needs one of the two",
    )
    strip: int = Field(
        0,
        ge=0,
        le=20,
        description="number of leading directories that are removed from the names of the tarball's members",
    )

    @field_validator("url")
    @classmethod
    def _of_a_known_kind(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in ("http", "https", "s3") or not parts.hostname or len(parts.path) < 2:
            raise ValueError("it is https://host/path, http://host/path or s3://bucket/key")
        if any(not character.isprintable() for character in url.get_secret_value()):
            raise ValueError("it has a character that no URL has")
        return url

    @property
    def address(self) -> str:
        """The URL, empty if there is none."""
        return self.url.get_secret_value() if self.url else ""

    @property
    @override
    def where(self) -> str:
        return shown(self.address)

    @property
    @override
    def secrets(self) -> list[str]:
        parts = urlsplit(self.address)
        found = [parts.query, parts.password, parts.netloc.rpartition("@")[0]]
        return [secret for secret in found if secret]


class ArchiveSource(Tarball):
    """A tarball (plain, gzip, xz, zstd), which the nodes download or the operator's machine pushes."""

    kind: Literal["archive"]
    file: str | None = Field(None, min_length=1, description="tarball on the operator's machine, instead of `url`")

    @model_validator(mode="after")
    def _one_place(self) -> ArchiveSource:
        if (self.url is None) == (self.file is None):
            raise ValueError("an archive has either url or file")
        return self

    @property
    @override
    def where(self) -> str:
        return self.file or super().where


class ArtifactSource(Tarball):
    """A build: a tarball that the nodes download, or a checkout that the operator's machine builds and pushes."""

    kind: Literal["artifact"]
    checkout: str | None = Field(
        None,
        min_length=1,
        description="git repository on the operator's machine, instead of `url`: its `ref` is exported, the "
        'build steps with `on = "operator"` run, and the result is pushed',
    )

    @model_validator(mode="after")
    def _one_place(self) -> ArtifactSource:
        if (self.url is None) == (self.checkout is None):
            raise ValueError("an artifact has either url or checkout")
        return self

    @property
    @override
    def where(self) -> str:
        return self.checkout or super().where

    @property
    @override
    def is_sent(self) -> bool:
        return self.checkout is not None


class DirectorySource(Source):
    """A directory on the operator's machine, which is pushed with its uncommitted changes. For experiments."""

    kind: Literal["directory"]
    path: str = Field(min_length=1, description="path of the directory")
    exclude: list[str] = Field(
        default_factory=list,
        description="rsync patterns of files that are not sent (`node_modules`, `/tests`, `*.log`). `.git`, "
        "the environment file, and shared paths outside `shared.seed` are never sent",
    )

    @property
    @override
    def where(self) -> str:
        return self.path

    @property
    @override
    def is_sent(self) -> bool:
        return True


DEFAULT = "git"

SOURCES: dict[str, type[Source]] = {
    "git": GitSource,
    "archive": ArchiveSource,
    "artifact": ArtifactSource,
    "directory": DirectorySource,
}
