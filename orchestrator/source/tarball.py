"""A tarball at a URL, for the kinds archive and artifact: the nodes download it."""

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
"""Seconds for which a presigned URL is valid."""


class Download(SourceKind):
    """A tarball that the nodes download. Its SHA-256 is known beforehand."""

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
                f"the sha256 of {shown(url).replace(REF, ref)} is missing: --data sha256=, or source.sha256"
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
        """The URL of a version; for an object in a bucket, a presigned URL that is valid for `SIGNED` seconds."""
        url = self._source.address.replace(REF, ref)
        if not url.startswith("s3://"):
            return url
        # imported here because only sources in a bucket need it
        from orchestrator.aws.api import Account

        bucket, _, key = url.removeprefix("s3://").partition("/")
        return Account(self._source.region, self._source.profile, self._source.endpoint_url).presigned(
            bucket, key, SIGNED
        )


def curl_config(url: str) -> str:
    """A line of curl's configuration that names a URL. Curl's strings escape only quotes and backslashes."""
    quoted = url.replace("\\", "\\\\").replace('"', '\\"')
    return f'url = "{quoted}"\n'


def ref_of(source: Tarball, options: Options, key: str, place: str) -> str:
    """The ref of a tarball, empty if there is only one version.

    + key: the key of the setting that names the place
    + place: the URL or path, with `REF` in place of the ref

    Raises UsageError if a ref is missing, or would change nothing.
    """
    ref = options.ref or source.ref or ""
    if options.ref and REF not in place:
        raise UsageError(f"--data ref= would change nothing: source.{key} has no {REF}")
    if REF in place and not ref:
        raise UsageError(f"source.{key} has {REF}: name the version, --data ref=")
    return ref


def sha256_of(source: Tarball, options: Options) -> str | None:
    """The SHA-256 that the operator wants, None if there is none.

    The SHA-256 in the settings counts only for the settings' own ref.
    """
    return options.sha256 or (source.sha256 if not options.ref or options.ref == source.ref else None)
