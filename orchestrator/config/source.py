"""The settings of the source, from which the files of a release come. Each kind of source has its own section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from typing_extensions import override

from orchestrator.config.aws import Aws
from orchestrator.config.form import form, nearest
from orchestrator.config.paths import OperatorFile, OperatorTree, ReleasePath
from orchestrator.config.ref import fault
from orchestrator.config.section import Section

REF = "{ref}"
"""The placeholder in the URL or path of a tarball.

A release replaces the placeholder by the name of the version, such as ``1.4.2``.
"""

SHA256 = form(
    "[0-9a-f]{64}", "a SHA-256", "write 64 hexadecimal digits in small letters, as sha256sum prints them", str.lower
)


class Source(Section):
    """The base of the sections of all kinds of source. The default kind is ``git``."""

    kind: str

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Validate a dictionary with the section class of its kind.

        The key ``kind`` of the dictionary names the kind. A dictionary without this key has the kind ``git``. Raises
        ValueError if the kind is unknown.
        """
        if cls is not Source or not isinstance(data, Mapping):
            return handler(data)
        kind = data.get("kind", DEFAULT)
        if kind not in SOURCES:
            near = nearest(str(kind).lower(), SOURCES)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(SOURCES)}"
            raise ValueError(f"there is no kind {kind!r} of source ({hint})")
        return SOURCES[kind].model_validate({**data, "kind": kind}, context=info.context)  # type: ignore[return-value]

    @property
    def where(self) -> str:
        """The URL or path of the source, without secrets, for messages."""
        raise NotImplementedError

    @property
    def is_sent(self) -> bool:
        """Whether the operator's machine pushes a directory tree. If so, build steps can run on this machine."""
        return False

    @property
    def secrets(self) -> list[str]:
        """The secret texts in this section, which no output may show."""
        return []


def shown(url: str) -> str:
    """Return a URL without the parts that may be secret: user, password, query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def hidden_login(url: str, at_in_path: bool) -> bool:
    """Return whether a URL seems to have a login with a ``/``, ``?`` or ``#`` that is not percent-encoded.

    The login of ``https://user:Tok3n/Secret@host/x.git`` ends at the slash, so the rest of the password would count as
    a path, and would be shown.

    + at_in_path: whether the path of a URL of this kind may contain the character ``@``
    """
    parts = urlsplit(url)
    if not parts.netloc or "@" in parts.netloc or "@" not in url:
        return False
    try:
        has_port = parts.port is not None
    except ValueError:
        # the text after the colon is no port, but the beginning of a password
        return True
    return has_port or not at_in_path


ENCODE = (
    "the URL has an @ after its host: if the URL has a user or a password, write %2F for each / in them, %3F for each "
    "?, %23 for each # and %40 for each @; if the path has an @, write %40 instead of the @"
)
"""The message about a URL whose login cannot be told from its path. The message does not repeat the URL."""


def without_login(origin: str) -> str:
    """Return the URL of a git repository. From an http or https URL, user and password are removed.

    An SSH URL keeps the user, which is not secret.
    """
    return shown(origin) if urlsplit(origin).scheme in ("http", "https") else origin


class Repository(Section):
    """The common base of the kinds of source whose files come from a git repository."""

    submodules: bool = Field(
        False,
        description="whether a release gets the files of the repository's submodules, and of their submodules. If not, "
        "the directories of submodules are empty, and a warning names them",
    )
    lfs: bool = Field(
        False,
        description="whether a release gets the files in Git LFS, instead of their pointers. The machine that fetches "
        "the files needs the program git-lfs: with the kind `git`, provisioning installs git-lfs on the nodes; with "
        "`checkout`, you install git-lfs on the operator's machine",
    )


class GitSource(Source, Repository):
    """A git repository that every node can reach. Each release is a worktree of the node's copy of the repository."""

    kind: Literal["git"] = "git"
    origin: Annotated[str, PlainSerializer(without_login, when_used="json")] = Field(
        min_length=1, description="URL of the git repository, as the nodes reach it"
    )
    ref: str = Field(
        "main", min_length=1, description="branch, tag or commit that is released if you give no `--data ref=`"
    )
    known_hosts: OperatorFile | None = Field(
        None,
        description="file on the operator's machine with the SSH host keys of the origin. Provisioning installs the "
        "file on the nodes",
    )
    key: OperatorFile | None = Field(
        None,
        description="file on the operator's machine with the SSH private key for the origin. Provisioning installs the "
        "file on the nodes",
    )
    leave_out: list[ReleasePath] = Field(
        [],
        description="paths that git does not check out, such as `public/build`. Shared paths and the environment file "
        "are never checked out, so do not list them here",
    )

    @field_validator("ref")
    @classmethod
    def _as_git_permits(cls, ref: str) -> str:
        if why := fault(ref):
            raise ValueError(f"{ref!r} cannot be the name of a branch, tag or commit in git: {why}")
        return ref

    @field_validator("origin")
    @classmethod
    def _without_a_password_on_record(cls, origin: str) -> str:
        if hidden_login(origin, at_in_path=False):
            raise ValueError(ENCODE)
        # `without_login` removes a password only from http and https URLs. In an SSH URL, a password has no effect, but
        # the journal would record it.
        if urlsplit(without_login(origin)).password:
            raise ValueError(
                "the URL has a password, which only http and https use: remove the password, and use source.key"
            )
        return origin

    @property
    def address(self) -> str:
        """The URL of the repository. From an http or https URL, user and password are removed."""
        return without_login(self.origin)

    @property
    @override
    def where(self) -> str:
        return self.address

    @property
    def login(self) -> str:
        """Two lines: the user and the password from an http or https URL. Empty if the URL has neither."""
        if self.address == self.origin:
            return ""
        parts = urlsplit(self.origin)
        return f"{unquote(parts.username or '')}\n{unquote(parts.password or '')}\n"

    @property
    @override
    def secrets(self) -> list[str]:
        return [*self.login.splitlines(), urlsplit(self.origin).password or ""] if self.login else []


Url = Annotated[SecretStr, PlainSerializer(lambda url: shown(url.get_secret_value()), when_used="json")]
"""A URL that may contain secrets. The journal and all output show the URL without the secrets."""


class Tarball(Source, Aws):
    """The common base of the kinds ``archive`` and ``artifact``: a tarball at a URL, which the nodes download."""

    ref: str | None = Field(None, min_length=1, description="version that is released if you give no `--data ref=`")
    url: Url | None = Field(
        None,
        description="URL of the tarball, as the nodes reach it (`https://...`), or `s3://bucket/key`. `{ref}` is "
        "replaced by the version",
    )
    sha256: Annotated[str, SHA256] | None = Field(
        None,
        description="SHA-256 of the tarball (64 hexadecimal digits). If you give `--data sha256=`, this setting is not "
        "used. With `url`, this setting or `--data sha256=` is required",
    )
    strip: int = Field(
        0,
        ge=0,
        le=20,
        description="number of leading directories that are removed from the names of the files in the tarball",
    )

    @field_validator("url")
    @classmethod
    def _of_a_known_kind(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        if hidden_login(url.get_secret_value(), at_in_path=True):
            raise ValueError(ENCODE)
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in ("http", "https", "s3") or not parts.hostname or len(parts.path) < 2:
            raise ValueError("the URL must be https://host/path, http://host/path or s3://bucket/key")
        if any(not character.isprintable() for character in url.get_secret_value()):
            raise ValueError("the URL has a character that is not allowed in a URL")
        return url

    @property
    def address(self) -> str:
        """The URL of the tarball, with its secrets; empty if the settings have no URL."""
        return self.url.get_secret_value() if self.url else ""

    def address_of(self, ref: str) -> str:
        """Return the URL of a version's tarball, with its secrets. The version replaces the placeholder `REF`.

        In an http or https URL, characters of the version that have a special meaning in a URL are percent-encoded,
        such as ``#``. A key of S3 is not percent-encoded.
        """
        encoded = ref if self.address.startswith("s3://") else quote(ref, safe="/@+")
        return self.address.replace(REF, encoded)

    @property
    def name(self) -> str:
        """The path of the tarball: the path in its URL, or its path on the operator's machine.

        The text is empty if the source has no tarball, but a git repository on the operator's machine (``checkout``).
        """
        return urlsplit(self.address).path

    @property
    def needs_unpackers(self) -> bool:
        """Whether the nodes need the program xz or zstd to unpack the tarball.

        This is the case if the name of the tarball ends neither with ``.tar`` nor with ``.tar.gz`` or ``.tgz``.
        """
        return bool(self.name) and not self.name.endswith((".tar", ".tar.gz", ".tgz"))

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
    file: OperatorFile | None = Field(
        None,
        description="path of the tarball on the operator's machine, instead of `url`. `{ref}` is replaced by the "
        "version",
    )

    @model_validator(mode="after")
    def _one_place(self) -> ArchiveSource:
        if (self.url is None) == (self.file is None):
            raise ValueError(
                "an archive is either at a URL or in a file: set one of the keys url and file, and not both"
            )
        return self

    @property
    @override
    def name(self) -> str:
        return self.file or super().name

    @property
    @override
    def where(self) -> str:
        return self.file or super().where


class ArtifactSource(Tarball, Repository):
    """The result of a build. The nodes download a tarball, or the operator's machine builds and pushes a checkout."""

    kind: Literal["artifact"]
    checkout: OperatorTree | None = Field(
        None,
        description="path of a git repository on the operator's machine, instead of `url`. The operator's machine "
        'exports the version `ref`, runs the build steps with `on = "operator"`, and pushes the result to '
        "the nodes",
    )

    @model_validator(mode="after")
    def _one_place(self) -> ArtifactSource:
        if (self.url is None) == (self.checkout is None):
            raise ValueError(
                "an artifact is either a tarball at a URL or a checkout: set one of the keys url and checkout, "
                "and not both"
            )
        if self.url and (self.submodules or self.lfs):
            raise ValueError(
                "submodules and lfs have an effect only with checkout: remove both keys, and put all files into "
                "the tarball at url"
            )
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
    """A directory on the operator's machine, for experiments. Uncommitted changes in the directory are also pushed."""

    kind: Literal["directory"]
    path: OperatorTree = Field(description="path of the directory on the operator's machine")
    exclude: list[str] = Field(
        [],
        description="rsync patterns of files that are not pushed (`node_modules`, `/tests`, `*.log`). `.git`, the "
        "environment file and shared paths are never pushed, except the directories in `shared.seed`",
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
