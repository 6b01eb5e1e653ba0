"""Wait until a condition is met, or until a deadline has passed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential, wait_fixed
from tenacity.wait import wait_base

from orchestrator.errors import CommandFailed, NotYet


def until(check: Callable[[], None], patience: float, interval: float) -> None:
    """Call ``check`` again and again until ``check`` no longer raises NotYet.

    + check: raises NotYet while the condition is not met; any other exception ends the wait
    + patience: seconds after which CommandFailed is raised, with the message of the last NotYet
    + interval: seconds between two calls
    """
    last = _poll(check, patience, wait_fixed(interval), time.sleep)
    if last is not None:
        raise CommandFailed(str(last))


def last_refusal(check: Callable[[], None], patience: float, sleep: Callable[[float], None]) -> NotYet | None:
    """Call ``check`` at growing intervals until ``check`` no longer raises NotYet, and then return None.

    After ``patience`` seconds, return the last NotYet instead. The intervals grow from half a second to five seconds,
    because providers limit how often their APIs may be called (AWS: 10 Describe calls a second for each account).

    + check: raises NotYet while the condition is not met; any other exception ends the wait
    + patience: seconds after which the wait ends
    + sleep: waits for a number of seconds
    """
    return _poll(check, patience, wait_exponential(multiplier=0.5, max=5), sleep)


def _poll(
    check: Callable[[], None], patience: float, pauses: wait_base, sleep: Callable[[float], None]
) -> NotYet | None:
    try:
        Retrying(
            stop=stop_after_delay(patience),
            wait=pauses,
            retry=retry_if_exception_type(NotYet),
            sleep=sleep,
            reraise=True,
        )(check)
    except NotYet as last:
        return last
    return None


@contextmanager
def within(seconds: float, late: Exception) -> Iterator[None]:
    """Raise ``late`` if the ``with`` block takes longer than ``seconds``.

    At the deadline, gevent's Timeout interrupts the block, and then this function raises ``late``. Reason: boto3 may
    run in the block. If ``late`` interrupted the block, boto3 would treat ``late``, which is an ``Exception``, as a
    network failure and would send its request again. Timeout is a BaseException, but no ``Exception``.
    """
    timer = gevent.Timeout(seconds)
    try:
        with timer:
            yield
    except gevent.Timeout as timeout:
        if timeout is not timer:
            raise
        raise late from None
