"""Read the clock of this machine for the journal. All times are in UTC, in ISO 8601, to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """Return the present time of this machine in UTC, such as ``2026-11-28T16:03:34.122521Z``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
