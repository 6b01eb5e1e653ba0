"""Tell chats and webhooks about the begin and the end of runs (setting ``notifications``)."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import gevent

from orchestrator.config.notification import Moment, Notification
from orchestrator.errors import Failure
from orchestrator.facts.commits import Changes
from orchestrator.fleet import Fleet
from orchestrator.journal.history import RunHistory
from orchestrator.journal.session import who
from orchestrator.notify.courier import Courier
from orchestrator.notify.message import Message, Target
from orchestrator.plan.inputs import Inputs
from orchestrator.probe.report import Report
from orchestrator.report.notification import About, Story, moment_of, text
from orchestrator.report.terminal import say
from orchestrator.run.walk import Ended, alike, by_error

PLAIN = ("http", "https", "json", "jsons", "xml", "xmls", "form", "forms")
"""Kinds of URLs whose host is no secret. In other kinds, such as ``slack://``, a token may stand in its place."""


class Notifier:
    """Sends the notifications of one command. No method raises an error or waits for a target.

    + chosen: the targets, and the settings of each target
    """

    def __init__(self, fleet: Fleet, chosen: list[tuple[Target, Notification]]) -> None:
        self._fleet = fleet
        self._chosen = chosen
        self._courier = Courier([target for target, _ in chosen])
        self._began = time.monotonic()
        self._changes: Changes | None = None
        self._looking: gevent.Greenlet | None = None

    def begin(self, i: Inputs, started: bool = True) -> None:
        """While the run continues, let a node list the new commits, and then send the message that a run has begun.

        + started: whether the run begins. False if this command continues a run: then no message is sent
        """
        if self._chosen:
            self._looking = gevent.spawn(self._look, i, started)

    def _look(self, i: Inputs, started: bool) -> None:
        old, new = (i.live or "").rpartition("-")[2], i.revision
        if old and i.verb != "join":
            from orchestrator.source.version import changes

            with suppress(Failure):
                self._changes = changes(self._fleet, old, new)
        if started:
            self._tell("started", i, Story())

    def ended(self, i: Inputs, ended: Ended, report: Report | None) -> None:
        """Tell the targets how a run ended, or that it waits.

        + report: the report of the probe; None if there is no report
        """
        warnings = tuple(f"{places}: {result.error}" for places, result in alike(ended.warnings, by_error))
        left = tuple(f"not undone on {places}: {result.error}" for places, result in alike(ended.left, by_error))
        story = Story(
            reason=str(ended.reason or ""),
            seconds=time.monotonic() - self._began,
            probe=report,
            warnings=warnings + left,
            paused=ended.paused,
        )
        self._tell(moment_of(ended), i, story)

    def settled(self, history: RunHistory, i: Inputs, ended: Ended) -> None:
        """Tell the targets how this command has ended an earlier run, which had stopped or waited.

        If the process of a committed run has told the targets that the run succeeded, they get no second message.

        + history: the earlier run
        + i: its Inputs
        """
        open_places = [result for result in (*ended.left, *ended.owed) if result.error]
        if open_places:
            self.unsettled(i, "; ".join(f"{places}: {result.error}" for places, result in alike(open_places, by_error)))
        elif not ended.committed:
            self._tell("undone", i, Story(reason=str(ended.reason or "")))
        elif history.ended is None:
            self._tell("succeeded", i, Story())

    def unsettled(self, i: Inputs, reason: str) -> None:
        """Tell the targets that a later command has to end the run."""
        self._tell("unsettled", i, Story(reason=reason))

    def finish(self) -> None:
        """Wait until all messages are sent, at most 5 s. Print a warning for each message that was not sent."""
        self._stop_looking()
        for line in self._courier.finish():
            say(self._fleet.mask.hide(f"warning: {line}"), fg="yellow")

    def _stop_looking(self) -> None:
        """Give up the list of commits, so that no message about the begin comes after the end."""
        if self._looking is not None:
            self._looking.kill()

    def _tell(self, moment: Moment, i: Inputs, story: Story) -> None:
        if moment != "started":
            self._stop_looking()
        numbers = [number for number, (_, asked) in enumerate(self._chosen) if moment in asked.on]
        if not numbers:
            return
        fleet = self._fleet
        about = About(fleet.settings.name, _inventory(fleet), who())
        story = replace(story, changes=self._changes)
        title, body, mood = text(moment, about, i, story)
        for number in numbers:
            self._courier.send(Message(number, fleet.mask.hide(title), fleet.mask.hide(body), mood))


@contextmanager
def notifying(fleet: Fleet) -> Iterator[Notifier]:
    """Yield the object that sends notifications. After the ``with`` block, wait until the messages are sent.

    The caller gives back the lock inside the block, so that no other run waits for a slow target.
    """
    notifier = Notifier(fleet, list(_chosen(fleet)))
    try:
        yield notifier
    finally:
        notifier.finish()


def _chosen(fleet: Fleet) -> Iterable[tuple[Target, Notification]]:
    """Yield the targets whose URL is known, and let the mask hide these URLs.

    If the settings name a variable that the operator's machine does not have, print a warning. SLACK_ENDPOINT is also
    read without any setting, so without a warning.
    """
    is_default = "notifications" not in fleet.settings.model_fields_set
    for number, asked in enumerate(fleet.settings.notifications):
        url = os.environ.get(asked.variable, "").strip() if asked.variable else asked.url.get_secret_value()
        if not url:
            if not is_default:
                say(
                    f"warning: notifications.{number}: the environment variable {asked.variable} is not set, so this "
                    "target gets no notification: set the variable in .env, or remove the target",
                    fg="yellow",
                )
            continue
        fleet.mask.add(secrets_of(url))
        scheme = url.partition(":")[0] if "://" in url else "not a URL"
        yield Target(f"env:{asked.variable}" if asked.variable else f"notifications.{number} ({scheme})", url), asked


def secrets_of(url: str) -> list[str]:
    """Return the parts of a target's URL that may be secret: the URL, its login, its path and its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return [url]
    host = [] if parts.scheme in PLAIN else [parts.netloc, *parts.netloc.split("@")]
    login = [word for word in (parts.username, parts.password) if word]
    segments = [word for word in parts.path.split("/") if word]
    values = [value for _, value in parse_qsl(parts.query)]
    found = [url, parts.path.strip("/"), parts.query, *host, *login, *segments, *values]
    return [word for word in dict.fromkeys([*found, *map(unquote, found)]) if word]


def _inventory(fleet: Fleet) -> str:
    """Return the path of the inventory as the operator gave it to pyinfra; if it is unknown, the usual path."""
    name = fleet.identity.inventory
    given = (word for word in sys.argv[1:] if word.endswith(".py") and Path(word).stem == name)
    return next(given, f"inventory/{name}.py")
