"""The process that sends messages. The parent process writes the targets and the messages to the standard input.

The URLs of the targets contain tokens. Therefore they come through a pipe, and not as arguments or variables, which
other users could see. This process writes its log nowhere, because the libraries log the URLs.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from typing_extensions import override

from orchestrator.notify.message import ATTEMPTS, PATIENCE, Message, Target, targets_of

RESERVE = 0.5
"""Seconds before the end of PATIENCE at which this process gives up, so that the parent process reads the outcome."""

PAUSE = 0.4
"""Seconds between two attempts."""

UNKNOWN = "Apprise does not know this kind of URL"
UNUSABLE = "the package apprise is not installed: pip install 'blue-green-orchestrator[notify]'"


class Words(logging.Handler):
    """Keeps the last warning of each thread, so that a problem can be explained."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: dict[int, str] = {}

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.last[threading.get_ident()] = record.getMessage()


def main(source: IO[str] = sys.stdin, sink: IO[str] = sys.stdout) -> None:
    """Send the messages of a run, and write one line about the outcome of each message.

    Each message is sent in a thread of its own. When the input has ended, wait until all messages are sent, but no
    longer than PATIENCE.

    + source: the lines: first the targets, then the messages
    + sink: gets the outcomes
    """
    with suppress(ImportError):
        # the import takes a while, so it happens before the first message comes
        import apprise  # noqa: F401
    targets = targets_of(source.readline())
    words, lock = Words(), threading.Lock()
    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = ([words] if name == "apprise" else [logging.NullHandler()]), False

    def deliver(number: int, message: Message, until: float) -> None:
        problem = send(targets[message.target], message, until, words)
        with lock:
            print(json.dumps({"number": number, "problem": problem}), file=sink, flush=True)

    threads: list[tuple[threading.Thread, float]] = []
    for number, line in enumerate(source):
        until = time.monotonic() + PATIENCE - RESERVE
        thread = threading.Thread(target=deliver, args=(number, Message.from_line(line), until), daemon=True)
        thread.start()
        threads.append((thread, until))
    for thread, until in threads:
        thread.join(max(0.0, until - time.monotonic()))


def send(target: Target, message: Message, until: float, words: Words) -> str:
    """Send a message to a target, if necessary several times. Return the problem; empty if the message was sent.

    + until: the time of the monotonic clock at which the message is given up
    """
    try:
        import apprise
    except ImportError:
        return UNUSABLE
    # without pictures of Apprise, which the chat would fetch from elsewhere
    asset = apprise.AppriseAsset(app_id="orchestrator", app_desc="orchestrator", image_url_mask="", image_url_logo="")
    plugin = apprise.Apprise.instantiate(target.url, asset=asset, suppress_exceptions=True)
    if not isinstance(plugin, apprise.NotifyBase):
        return UNKNOWN
    for attempt in range(ATTEMPTS):
        left = until - time.monotonic() - attempt * PAUSE
        if left <= 0:
            break
        time.sleep(PAUSE if attempt else 0.0)
        # a connection is made quickly or not at all; a slow answer must not lead to a second message
        plugin.socket_connect_timeout, plugin.socket_read_timeout = min(left, 1.5), left
        if plugin.notify(body=message.body, title=message.title, notify_type=apprise.NotifyType(message.mood)):
            return ""
    return words.last.get(threading.get_ident(), "") or "the target did not take the message"


def run(arguments: Sequence[str]) -> None:
    """Run `main`, and end this process at once, even if a thread still waits for a name server."""
    main()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    run(sys.argv[1:])
