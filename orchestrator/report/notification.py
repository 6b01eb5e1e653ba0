"""Write the text of a notification: who did what where, how it ended, and how to go on. All functions are pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator.config.notification import Moment
from orchestrator.facts.commits import Changes
from orchestrator.notify.message import Mood
from orchestrator.plan.inputs import Inputs
from orchestrator.probe.report import Report
from orchestrator.run.walk import Ended

STATES: Mapping[Moment, tuple[str, Mood]] = {
    "started": ("has started", "info"),
    "waiting": ("waits for promotion", "warning"),
    "succeeded": ("succeeded", "success"),
    "failed": ("failed and was undone", "failure"),
    "undone": ("was undone", "warning"),
    "unsettled": ("is UNSETTLED", "failure"),
}
"""Moment -> the words of a notification's title for this moment, and the kind of the message."""

LONGEST = 300
"""The largest number of characters of a line, such as the first line of a commit."""


class About(NamedTuple):
    """Who runs which command.

    + app: the name of the deployment
    + inventory: the path of the inventory, as the operator gave it
    + user: the operator's user and machine
    """

    app: str
    inventory: str
    user: str


@dataclass(frozen=True)
class Story:
    """The facts about a moment of a run. A fact that is unknown or does not apply has its default value.

    + reason: why the run was undone, or what is unsettled
    + seconds: how long this command has worked on the run
    + changes: the commits by which the release differs from the live release
    + probe: the report of the probe
    + warnings: one line for each failure after the commit
    + paused: the pause at which the run waits
    """

    reason: str = ""
    seconds: float | None = None
    changes: Changes | None = None
    probe: Report | None = None
    warnings: tuple[str, ...] = ()
    paused: str = ""


def moment_of(ended: Ended) -> Moment:
    """Return how a run ended, as one of the moments that the setting ``on`` of a target can list."""
    if ended.paused:
        return "waiting"
    if ended.committed:
        return "succeeded"
    return "unsettled" if ended.left else "failed"


def text(moment: Moment, about: About, i: Inputs, story: Story) -> tuple[str, str, Mood]:
    """Return the title, the text and the kind of a notification.

    + i: the Inputs of the run
    """
    state, mood = STATES[moment]
    verb = "code-only release" if i.code_only else i.verb
    title = f"{about.app}: {verb} of {i.ref or i.release} {state}"
    lines = [*_what(about, i, story), *_changes(i, story), *_seen(story), *_next(moment, about, i, story)]
    return title, "\n".join(line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..." for line in lines), mood


def _what(about: About, i: Inputs, story: Story) -> Iterable[str]:
    ref = f"{i.ref}, " if i.ref else ""
    yield f"release {i.release} ({ref}revision {i.revision[:12]}) in {i.color}; before: {i.live or 'no release'}"
    took = f", {_duration(story.seconds)}" if story.seconds is not None else ""
    nodes = f"{len(i.nodes)} node{'s' if len(i.nodes) != 1 else ''}"
    yield f"by {about.user} with {about.inventory}, {nodes}{took}"


def _changes(i: Inputs, story: Story) -> Iterable[str]:
    if story.changes is None:
        return
    added, removed, first = story.changes.added, story.changes.removed, story.changes.lines
    said = [f"{_count(added, 'new commit')} since the live release"] if added or not removed else []
    said += [f"{_count(removed, 'commit')} of the live release taken back"] if removed else []
    yield ", ".join(said) + (":" if first else "")
    yield from (f"  {line}" for line in first)
    more = (added or removed) - len(first)
    if more > 0:
        yield f"  and {more} more"


def _seen(story: Story) -> Iterable[str]:
    if story.probe is not None:
        totals = story.probe.totals
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(totals.failures.items()))
        yield f"probe: {totals.requests} requests, {totals.failed} failed" + (f" ({kinds})" if kinds else "")
    if story.reason:
        yield f"reason: {story.reason}"
    yield from (f"warning: {line}" for line in story.warnings)


def _next(moment: Moment, about: About, i: Inputs, story: Story) -> Iterable[str]:
    """Yield the line that says how to go on, with the command."""

    def command(verb: str) -> str:
        return f"orchestrator {verb} {about.inventory}"

    old = f"{i.live or 'no release'} ({i.color.other})"
    match moment:
        case "waiting":
            has = "no traffic" if story.paused == "preview" else f"{story.paused}% of the traffic"
            yield f"the new release has {has}: {command('promote')} continues the release, {command('abort')} undoes it"
        case "succeeded":
            yield f"to go back: {command('rollback')}"
        case "failed" | "undone":
            yield f"{old} has all the traffic; to try again: {command(i.verb)}"
        case "unsettled":
            yield f"see {command('status')}; {command('abort')} undoes the rest, or completes a committed run"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
