"""Read and write the announcement, which tells new instances which releases to run.

The announcement is a small JSON object in S3. The setting ``scaling.live`` has the URL of the object. The announcement
names the releases of both colors and the live color, and says whether a run is in progress. Each key is on its own
line, so that the script of new instances (provision/templates/catch-up.j2) can read the object with sed.

Before a run changes anything, the run marks the announcement as ``busy``. While the announcement is ``busy``, new
instances wait. After the commit or the undo, the run writes the announcement without this mark. While a run is paused,
and after an undo that failed, the mark stays.

A run must not replace the announcement of a newer run, even if the older run was frozen and continues late. Therefore
the run compares the fence (number of a run) in the object with its own fence, and writes with the condition If-Match.
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
"""Version of the announcement's format."""

TRIES = 10
"""Number of attempts to write an announcement.

An attempt fails if another process writes the announcement at the same time.
"""


@dataclass(frozen=True)
class Version:
    """The release of a color.

    + release: id of the release
    + revision: full hash of the git commit; if unknown, the short hash at the end of the release id
    """

    release: str
    revision: str

    @classmethod
    def of(cls, release: str, revision: str | None = None) -> Version:
        """Make a Version from the id of a release.

        + revision: full hash of the git commit; None if unknown: then the short hash at the end of the id is used
        """
        return cls(release, revision or release.rpartition("-")[2])


@dataclass(frozen=True)
class Announcement:
    """The content of the announcement.

    + app: name of the deployment (``Settings.name``)
    + fence: fence (number) of the run that wrote the announcement
    + busy: whether a run is in progress. While a run is in progress, new instances must wait
    + live: the live color
    + blue, green: the release of this color; None if the color has no release
    """

    app: str
    fence: int
    busy: bool
    live: Color
    blue: Version | None
    green: Version | None

    def to_json(self) -> str:
        """Return the announcement as JSON, with one key on each line, in a fixed order.

        If a color has no release, the keys of this color are left out.
        """
        fields: dict[str, Any] = {"format": FORMAT, "app": self.app, "fence": self.fence, "busy": self.busy}
        fields["live"] = self.live.value
        for color in Color:
            version: Version | None = getattr(self, color.value)
            if version is not None:
                fields |= {color.value: version.release, f"{color.value}_revision": version.revision}
        return json.dumps(fields, indent=1) + "\n"

    @classmethod
    def parse(cls, text: str | bytes) -> Announcement:
        """Return the announcement that a JSON text of ``to_json`` contains.

        Raises ValueError if the text is not an announcement.
        """
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
    """Return the announcement in S3; None if no announcement was written yet.

    + s3: client of S3, from ``Account.s3``
    + url: URL of the object, ``s3://bucket/key``

    Raises OrchestratorError if the announcement cannot be read.
    """
    return _get(s3, url)[0]


def announce(s3: Any, url: str, announcement: Announcement) -> None:
    """Write the announcement to S3. If S3 has the same announcement already, write nothing.

    + s3: client of S3, from ``Account.s3``
    + url: URL of the object, ``s3://bucket/key``

    Raises OrchestratorError if the object cannot be written, or if a newer run has written the object.
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
                f"{url} was not written: the object has the announcement of run {there.fence}, which is newer than "
                f"this run ({announcement.fence}). Run deploys/status.py to see the newer run"
            )
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        with asking(url):
            try:
                s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), ContentType="application/json", **condition)
                return
            except ClientError as error:
                # another run wrote after our read, or our write succeeded and its answer was lost: read again
                if error.response["Error"].get("Code") not in ("PreconditionFailed", "ConditionalRequestConflict"):
                    raise
    raise OrchestratorError(
        f"{url} was not written: before each of {TRIES} attempts, another process had changed the object. Repeat the "
        "command"
    )


def _get(s3: Any, url: str) -> tuple[Announcement | None, str | None]:
    """Return the announcement and the ETag of its object in S3; both are None if the object does not exist."""
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
            f"{url} is not an announcement: {error}; delete the object, and the next run writes a new announcement"
        ) from None


def _place(url: str) -> tuple[str, str]:
    match = re.fullmatch(r"s3://([^/]+)/(.+)", url)
    if match is None:
        raise OrchestratorError(f"{url} is not of the form s3://bucket/key: correct scaling.live in the settings")
    return match[1], match[2]
