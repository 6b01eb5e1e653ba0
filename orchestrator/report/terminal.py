"""Print the output of a run on the terminal: one line for each stage, and the outcome at the end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import click

from orchestrator.connection.marks import printable
from orchestrator.plan.inputs import Inputs
from orchestrator.probe.report import Report
from orchestrator.run.walk import WARNING, Ended, Event, Result, alike, by_error

REPAIRED = "the next release or rollback does the work of this stage"


def say(line: str, **style: object) -> None:
    """Print one line on standard error. pyinfra's own output also goes there.

    If the line cannot be written, discard this line and all later lines, so that the run can still be undone. For
    example, the terminal was closed, or Ctrl-C also ended the program that reads the output (``| tee``).

    + style: arguments for ``click.style``
    """
    line = "\n".join(printable(part) for part in line.split("\n"))
    try:
        click.echo(click.style(line, **style) if style else line, err=True)  # type: ignore[arg-type]
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def heading(i: Inputs) -> str:
    """Return one line about the run that is about to begin: the verb, the releases and the colors."""
    if i.verb == "join":
        return f"join {', '.join(node.name for node in i.nodes)}: {i.release} ({i.color}) first, then traffic"
    if i.verb == "contract":
        return f"contract: {i.release} ({i.color}) is live; afterwards, no older release can run"
    if i.verb == "rollback":
        way = "goes forward again" if i.live is not None and i.release > i.live else "goes back"
        cold = ", started first" if i.cold else ""
        return f"rollback {way}{cold}: from {i.live or 'nothing'} to {i.release} ({i.color})"
    what = "code-only release" if i.code_only else "release"
    return (
        f"{what} {i.release} ({i.ref}, {i.revision[:12]}) into {i.color}; {i.color.other} has {i.live or 'no release'}"
    )


class Terminal:
    """Prints each event of a run on the terminal as soon as the event happens."""

    def event(self, event: Event) -> None:
        if event.record == "results":
            self._results(event)
        elif event.record == "undoing":
            say(f"    undoing: {event.text}", fg="red", bold=True)
        elif event.record == "warning":
            say(f"    warning: {event.text}", fg="yellow")
        elif event.record == "paused":
            say(f"    paused: {event.text}", fg="yellow", bold=True)
        elif event.record == "commit":
            say("    committed", fg="green")

    def _results(self, event: Event) -> None:
        if not event.results:
            return
        seconds = f"{event.seconds:7.2f} s"
        if not event.failed:
            slowest = max(event.results, key=lambda result: result.seconds)
            where = (
                f"{len(event.results)} places, slowest {slowest.place}"
                if len(event.results) > 1
                else str(slowest.place)
            )
            said = f"\n{slowest.detail}".partition(f"\n{WARNING}")[0].strip()
            detail = f" ({said})" if said else ""
            say(f"    {event.stage:<12} {seconds}   {where}{detail}")
        for places, result in alike(event.results, _warnings):
            for line in _warnings(result):
                say(f"    warning: {places}: {line}", fg="yellow")
        for places, result in alike(event.failed, lambda result: (result.error, result.output)):
            say(f"    {event.stage:<12} {seconds}   {places}: {result.error}", fg="red")
            for line in result.output:
                say(f"        {places} | {line}")


def _warnings(result: Result) -> tuple[str, ...]:
    """Return the warnings in the detail of a result."""
    lines = result.detail.splitlines()
    return tuple(line.removeprefix(WARNING) for line in lines if line.startswith(WARNING))


def probe_lines(report: Report) -> Iterable[str]:
    """Yield the lines about the probe's report: the totals, and up to three examples of failed requests."""
    totals = report.totals
    failures = ", ".join(f"{count} {kind}" for kind, count in sorted(totals.failures.items())) or "none"
    gap = f"{totals.gap * 1000:.0f} ms" if totals.gap is not None else "unknown"
    yield f"    probe        {totals.requests} requests, failures: {failures}, longest gap between answers {gap}"
    for example in totals.examples[:3]:
        yield f"                 {example}"


def ending(i: Inputs, ended: Ended) -> Sequence[tuple[str, dict[str, object]]]:
    """Return the last lines of a run, each with its style for ``click.style``.

    The lines name the outcome, the failed places, and the next command of the operator.
    """
    lines: list[tuple[str, dict[str, object]]] = []
    if i.verb == "contract" and ended.committed:
        return _contracted(i, ended)
    if ended.committed:
        lines.append((f"done: {i.release} ({i.color}) has all the traffic", {"fg": "green", "bold": True}))
        for places, warning in alike(ended.warnings, by_error):
            then = "run the hook's command yourself" if warning in ended.by_hand else REPAIRED
            lines.append((f"warning: {places}: {warning.error}; {then}", {"fg": "yellow"}))
        return lines
    old = i.live or "no release"
    if ended.paused:
        has = "no traffic" if ended.paused == "preview" else f"{ended.paused}% of the traffic"
        lines.append(
            (
                f"paused: {i.release} ({i.color}) has {has}; "
                f"deploys/promote.py continues the release, deploys/abort.py undoes the release"
                f"{still_suspended(i.scaling.suspended)}",
                {"fg": "yellow", "bold": True},
            )
        )
        return lines
    if not ended.left:
        lines.append(
            (
                f"{i.verb} failed and was undone, {old} ({i.color.other}) keeps the traffic: {ended.reason}",
                {"fg": "red", "bold": True},
            )
        )
        return lines
    lines.append((f"{i.verb} failed: {ended.reason}", {"fg": "red", "bold": True}))
    for result in ended.left:
        lines.append((_left(result), {"fg": "red"}))
    if ended.stopped:
        lines.append((ended.where_stopped, {"fg": "red", "bold": True}))
    return lines


def _contracted(i: Inputs, ended: Ended) -> Sequence[tuple[str, dict[str, object]]]:
    """Return the last lines of a contract that was committed."""
    failed = [f"the command of the contract failed on {result.place}: {result.error}" for result in ended.failed]
    if not failed:
        return [("done: the contract is complete, and no older release can run", {"fg": "green", "bold": True})]
    after = f"{i.release} keeps the traffic, and no older release may run: repair the cause, then repeat the command"
    return [(line, {"fg": "red", "bold": True}) for line in (*failed, after)]


def still_suspended(processes: Sequence[str]) -> str:
    """Return words for the line about a paused run: the Auto Scaling group stays suspended during the pause.

    If the run has suspended nothing, return an empty string.

    + processes: the processes of the group that the run has suspended
    """
    return "; until then the Auto Scaling group stays suspended: no instance is added or removed" if processes else ""


def _left(result: Result) -> str:
    """Return one line about a failed step of an undo. The line also tells the operator what to do next."""
    if result.lost:
        return (
            f"not undone on {result.place}, which does not answer: once {result.place} answers, the next command "
            "undoes the rest"
        )
    return (
        f"NOT UNDONE on {result.place}: {result.error}; run deploys/status.py, repair the cause, then run the same "
        "command again"
    )
