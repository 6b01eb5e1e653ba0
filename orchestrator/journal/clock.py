"""Read the clocks of this machine for the journal. Times of day are in UTC, in ISO 8601, to the microsecond."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> str:
    """Return the present time of this machine in UTC, such as ``2026-11-28T16:03:34.122521Z``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def monotonic() -> float:
    """Return the seconds of a clock that always runs forward. Only differences between two results have a meaning."""
    return time.monotonic()
