"""Announce to new instances the releases of both colors, the live color, and whether a run is in progress.

The announcement is one small JSON object in S3 (``scaling.live`` in the settings). It is flat and has one key a line,
so that the script which new instances run (provision/templates/catch-up.j2) can read it with sed. A run marks it
``busy`` before it changes anything, and writes it again when it has ended, successfully or not. New instances wait
while it is ``busy``.

A run replaces the announcement only if no newer run has written it (If-Match, and the fence number in the object). So a
run that was suspended and goes on late cannot announce a release that is no longer live.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from orchestrator.aws.api import asking
from orchestrator.errors import OrchestratorError
from orchestrator.model import Color

FORMAT = 1
"""Version of the object's format."""

TRIES = 10
"""Number of writes before giving up, if another process changes the object before each of them."""


@dataclass(frozen=True)
class Version:
    """The release of a color.

    + release: id of the release
    + revision: full commit hash, or the short hash from the end of the id
    """

    release: str
    revision: str

    @classmethod
    def of(cls, release: str, revision: str | None = None) -> Version:
        """Make a version from a release id and its commit; else use the short hash at the end of the id."""
        return cls(release, revision or release.rpartition("-")[2])


@dataclass(frozen=True)
class Announcement:
    """The content of the announcement.

    + fence: fence number of the run that announces
    + busy: whether a run is in progress, so that new instances must wait
    + blue, green: the color's version; None if the color has no release
    """

    app: str
    fence: int
    busy: bool
    live: Color
    blue: Version | None
    green: Version | None

    def to_json(self) -> str:
        """Return JSON with one key on each line, in a fixed order. A key without a value is left out."""
        fields: dict[str, Any] = {"format": FORMAT, "app": self.app, "fence": self.fence, "busy": self.busy}
        fields["live"] = self.live.value
        for color in Color:
            version: Version | None = getattr(self, color.value)
            if version is not None:
                fields |= {color.value: version.release, f"{color.value}_revision": version.revision}
        return json.dumps(fields, indent=1) + "\n"

    @classmethod
    def parse(cls, text: str | bytes) -> Announcement:
        """Parse the result of ``to_json``. Raises ValueError."""
        try:
            raw = dict(json.loads(text))
            if raw["format"] != FORMAT:
                raise ValueError(f"format {raw['format']} is not {FORMAT}")
            versions = {
                color.value: Version(raw[color.value], raw[f"{color.value}_revision"]) if color.value in raw else None
                for color in Color
            }
            return cls(raw["app"], int(raw["fence"]), bool(raw["busy"]), Color(raw["live"]), **versions)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None


def read(s3: Any, url: str) -> Announcement | None:
    """Read the announcement. Returns None if none was written yet. Raises OrchestratorError.

    + s3: a client of S3
    + url: URL of the object, ``s3://bucket/key``
    """
    return _get(s3, url)[0]


def announce(s3: Any, url: str, announcement: Announcement) -> None:
    """Write the announcement. May be called twice. Raises OrchestratorError, also if a newer run has announced.

    + s3: a client of S3
    + url: URL of the object, ``s3://bucket/key``
    """
    from botocore.exceptions import ClientError

    bucket, key = _place(url)
    body = announcement.to_json()
    for _ in range(TRIES):
        there, etag = _get(s3, url)
        if there == announcement:
            return
        if there is not None and there.fence > announcement.fence:
            raise OrchestratorError(
                f"{url} is of run {there.fence}, which is newer than this run {announcement.fence}: it was not changed"
            )
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        with asking(url):
            try:
                s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), ContentType="application/json", **condition)
                return
            except ClientError as error:
                # another run wrote in between, or our write succeeded and its answer was lost: read again
                if error.response["Error"].get("Code") not in ("PreconditionFailed", "ConditionalRequestConflict"):
                    raise
    raise OrchestratorError(f"{url} was changed by others before each of {TRIES} writes: repeat the command")


def _get(s3: Any, url: str) -> tuple[Announcement | None, str | None]:
    """Return the announcement and its ETag; both are None if the object does not exist."""
    from botocore.exceptions import ClientError

    bucket, key = _place(url)
    with asking(url):
        try:
            reply = s3.get_object(Bucket=bucket, Key=key)
            text = reply["Body"].read()
        except ClientError as error:
            if error.response["Error"].get("Code") != "NoSuchKey":
                raise
            return None, None
    try:
        return Announcement.parse(text), str(reply["ETag"])
    except ValueError as error:
        raise OrchestratorError(
            f"{url} is no announcement: {error}; delete it, and the next run writes it again"
        ) from None


def _place(url: str) -> tuple[str, str]:
    match = re.fullmatch(r"s3://([^/]+)/(.+)", url)
    if match is None:
        raise OrchestratorError(f"{url} is not of the form s3://bucket/key: correct scaling.live in the settings")
    return match[1], match[2]
