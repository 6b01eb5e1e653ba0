"""What each run tells instances that are to come: the releases of both colors, which is live, whether a run is on.

One small JSON object in S3 (``scaling.live`` in the settings), flat and a key a line, so that the script which new
instances run (provision/templates/catch-up.j2) reads it with sed. A run marks it ``busy`` before anything moves, and
writes it anew when it has ended, whichever way: meanwhile new instances wait.

It is replaced only by a run that is not older than the one that wrote it (If-Match, and the fence in it), so an
operator who wakes up late cannot announce what is not live any more.
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

TRIES = 10
"""Writes until we give up because somebody else always was faster."""


@dataclass(frozen=True)
class Version:
    """A color's release.

    + revision: full commit hash; the short one at the end of the id will do
    """

    release: str
    revision: str

    @classmethod
    def of(cls, release: str, revision: str | None = None) -> Version:
        """A version whose commit may be unknown."""
        return cls(release, revision or release.rpartition("-")[2])


@dataclass(frozen=True)
class Announcement:
    """What is announced.

    + fence: of the run that says so
    + busy: a run is on: wait
    + blue, green: None if that color has no release
    """

    app: str
    fence: int
    busy: bool
    live: Color
    blue: Version | None
    green: Version | None

    def to_json(self) -> str:
        """A key a line, in this order; a key without a value is left out."""
        fields: dict[str, Any] = {"format": FORMAT, "app": self.app, "fence": self.fence, "busy": self.busy}
        fields["live"] = self.live.value
        for color in Color:
            version: Version | None = getattr(self, color.value)
            if version is not None:
                fields |= {color.value: version.release, f"{color.value}_revision": version.revision}
        return json.dumps(fields, indent=1) + "\n"

    @classmethod
    def parse(cls, text: str | bytes) -> Announcement:
        """Raises ValueError."""
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
    """What is announced, None if nothing ever was. Raises OrchestratorError."""
    return _get(s3, url)[0]


def announce(s3: Any, url: str, announcement: Announcement) -> None:
    """Announce. Doing it twice does no harm. Raises OrchestratorError, also if a newer run has announced.

    + s3: a client
    + url: ``s3://bucket/key``
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
                f"{url} is of run {there.fence}, which is newer than {announcement.fence}: left alone"
            )
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        with asking(url):
            try:
                s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), ContentType="application/json", **condition)
                return
            except ClientError as error:
                # somebody came between, or it was written and the answer was lost: look again
                if error.response["Error"].get("Code") not in ("PreconditionFailed", "ConditionalRequestConflict"):
                    raise
    raise OrchestratorError(f"{url} changes faster than it can be written")


def _get(s3: Any, url: str) -> tuple[Announcement | None, str | None]:
    """The announcement and its ETag."""
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
        raise OrchestratorError(f"{url} is no announcement: {error}; delete it, the next run writes it anew") from None


def _place(url: str) -> tuple[str, str]:
    match = re.fullmatch(r"s3://([^/]+)/(.+)", url)
    if match is None:
        raise OrchestratorError(f"{url} is not s3://bucket/key")
    return match[1], match[2]
