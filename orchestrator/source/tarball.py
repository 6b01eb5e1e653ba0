"""The source: a tarball at a URL, which the nodes download. The kinds ``archive`` and ``artifact`` can have a URL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.source import REF, Tarball, shown
from orchestrator.errors import UsageError
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.operations.extract import extract
from orchestrator.options import Options
from orchestrator.source.kind import Call, SourceKind, Supply, Version

SIGNED = 3600
"""Seconds for which the presigned URL of a tarball in S3 is valid."""


class Download(SourceKind):
    """A source: a tarball that the nodes download. The operator or the settings must give the tarball's SHA-256."""

    noun = "a tarball"
    takes_sha256 = True

    def __init__(self, settings: Settings, source: Tarball) -> None:
        super().__init__(settings)
        self._source = source

    @override
    def version(self, fleet: Fleet, options: Options) -> Version:
        url = self._source.address
        ref = ref_of(self._source, options, "url", url)
        known = sha256_of(self._source, options)
        if not known:
            raise UsageError(
                f"the sha256 of {shown(url).replace(REF, ref)} is missing: give --data sha256=, or set source.sha256"
            )
        return Version(ref or Path(shown(url)).name, known)

    @override
    def fetch(self, release: str, revision: str) -> Call:
        root, strip = self.settings.node.root, self._source.strip
        return extract, {"root": root, "release": release, "sha256": revision, "strip": strip, "pushed": False}

    @override
    def supply(self, fleet: Fleet, version: Version, release: str, color: Color) -> Supply:
        url = self._url(version.ref)
        fleet.mask.add([url, urlsplit(url).query])
        return Supply(stdin=curl_config(url))

    def _url(self, ref: str) -> str:
        """Return the URL of a version's tarball.

        For a tarball in S3, this is a presigned URL, which is valid for `SIGNED` seconds.

        + ref: name of the version, which replaces the placeholder `REF`
        """
        url = self._source.address_of(ref)
        if not url.startswith("s3://"):
            return url
        # imported here, because only a tarball in S3 needs it
        from orchestrator.aws.api import Account

        bucket, _, key = url.removeprefix("s3://").partition("/")
        return Account(self._source.region, self._source.profile, self._source.endpoint_url).presigned(
            bucket, key, SIGNED
        )


def curl_config(url: str) -> str:
    """Return a line of curl's configuration that names a URL. Quotes and backslashes in the URL are escaped."""
    quoted = url.replace("\\", "\\\\").replace('"', '\\"')
    return f'url = "{quoted}"\n'


def ref_of(source: Tarball, options: Options, key: str, place: str) -> str:
    """Return the ref, which is the name of the wanted version. Empty if the operator and the settings give no ref.

    + key: the setting that has ``place`` as its value: ``url`` or ``file``
    + place: the URL or path of the tarball, which may contain the placeholder `REF`

    Raises UsageError if ``place`` has the placeholder, but there is no ref. Raises UsageError if the operator gives a
    ref, but ``place`` lacks the placeholder.
    """
    ref = options.ref or source.ref or ""
    if options.ref and REF not in place:
        raise UsageError(f"--data ref= has no effect, because source.{key} has no {REF}: remove --data ref=")
    if REF in place and not ref:
        raise UsageError(f"source.{key} has {REF}: name the version with --data ref=")
    return ref


def sha256_of(source: Tarball, options: Options) -> str | None:
    """Return the SHA-256 that the tarball must have; None if neither the operator nor the settings give a SHA-256.

    The SHA-256 in the settings is used only if the operator names no ref, or names the ref in the settings.
    """
    return options.sha256 or (source.sha256 if not options.ref or options.ref == source.ref else None)
