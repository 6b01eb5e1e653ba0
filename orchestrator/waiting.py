"""Looking until something has become true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from orchestrator.errors import CommandFailed


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


@contextmanager
def within(seconds: float, late: Exception) -> Iterator[None]:
    """Raises ``late`` if what is within takes longer than so many seconds.

    It is ended by something that is no ``Exception``: boto3 takes every Exception in a request for a failure of the
    network, tries again, and no deadline would be left.
    """
    timer = gevent.Timeout(seconds)
    try:
        with timer:
            yield
    except gevent.Timeout as timeout:
        if timeout is not timer:
            raise
        raise late from None
