"""Looking until something has become true."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from orchestrator.fleet import CommandFailed


class NotYet(Exception):
    """What has to become true is not so yet; the message says what was seen."""


def until(look: Callable[[], None], patience: float, interval: float) -> None:
    """Look until it does not raise NotYet any more. After so many seconds the last one becomes CommandFailed."""
    try:
        for attempt in Retrying(
            stop=stop_after_delay(patience),
            wait=wait_fixed(interval),
            retry=retry_if_exception_type(NotYet),
            reraise=True,
        ):
            with attempt:
                look()
    except NotYet as last:
        raise CommandFailed(str(last)) from None
