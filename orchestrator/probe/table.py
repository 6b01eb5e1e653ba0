"""Format a report as a table for the terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from orchestrator.probe.report import Count, Report
from orchestrator.probe.transitions import GRACE, Transition


def table(report: Report) -> str:
    """Return the report as a text of about twenty lines, without a line feed at the end."""
    totals = report.totals
    span = (totals.last_ended or 0.0) - (totals.first_sent or 0.0)
    failures = ", ".join(f"{name} {n:,}" for name, n in sorted(totals.failures.items(), key=lambda f: -f[1]))
    lines = [
        f"Probe of {', '.join(totals.targets) or 'nothing'} for {span:.1f} s",
        "",
        f"  requests {totals.requests:>12,}   {totals.rate:,.0f} answers a second",
        f"  answered {totals.answered:>12,}   {_latency(report)}".rstrip(),
        f"  failed   {totals.failed:>12,}   {failures}".rstrip(),
    ]
    if totals.gap is not None and totals.gap_at is not None:
        lines.append(
            f"  gap      {_ms(totals.gap):>12}   the longest without a good answer, at {_clock(totals.gap_at)}"
        )
    lines += _counts("kind", totals.kinds)
    if len(totals.targets) > 1:
        lines += _counts("target", totals.targets)
    releases = dict(totals.releases) | ({"(no marker)": totals.unmarked} if totals.unmarked else {})
    lines += _columns("release", {name: f"{n:>12,}" for name, n in releases.items()}, f"{'answers':>12}")
    lines += _columns("node", {name: f"{n:>12,}" for name, n in sorted(totals.nodes.items())}, f"{'answers':>12}")
    for one in report.transitions:
        lines += _transition(one)
    if totals.examples:
        lines += ["", "  failures, the first of each kind", *(f"    {example}" for example in totals.examples)]
    if report.unfinished:
        lines += ["", f"  {report.unfinished:,} requests were given up at the end; they are not counted"]
    if report.dropped:
        lines += ["", f"  times and switches are from the newest {report.kept:,} requests (--keep)"]
    return "\n".join(lines)


def _transition(one: Transition) -> list[str]:
    when = f" at {_clock(one.at)}" if one.at is not None else ""
    lines = ["", f"  from {one.old or 'nothing'} to {one.new}{when}"]
    if one.first_new_answered is None:
        return [*lines, "    the new release never answered"]
    zero = one.at if one.at is not None else one.first_new_answered
    lines.append(f"    first new answer       {_signed(one.first_new_answered - zero):>12}")
    if one.last_old_sent is not None:
        lines.append(f"    last old request sent  {_signed(one.last_old_sent - zero):>12}")
    late = f"old answers to requests sent {_ms(GRACE)} after the first new answer"
    lines.append(f"    stale                  {one.stale:>12,}   {late}")
    if one.partial:
        lines.append(
            "    the first requests of this transition were dropped: the true numbers may be worse (raise --keep)"
        )
    return lines


def _counts(title: str, counts: Mapping[str, Count]) -> list[str]:
    rows = {name: f"{count.requests:>12,}{count.failed:>12,}" for name, count in counts.items()}
    return _columns(title, rows, f"{'requests':>12}{'failed':>12}")


def _columns(title: str, rows: Mapping[str, str], head: str) -> list[str]:
    if not rows:
        return []
    wide = max(len(name) for name in [title, *rows])
    return ["", f"  {title:<{wide}}{head}", *(f"  {name:<{wide}}{row}" for name, row in rows.items())]


def _latency(report: Report) -> str:
    if report.median is None or report.p99 is None:
        return ""
    return f"median {_ms(report.median)}, 99% within {_ms(report.p99)}, without slow requests"


def _ms(seconds: float) -> str:
    return f"{seconds:.1f} s" if abs(seconds) >= 10 else f"{seconds * 1000:,.3g} ms"


def _signed(seconds: float) -> str:
    return f"{seconds * 1000:+,.1f} ms"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%H:%M:%S.%f")[:-3]  # noqa: DTZ006 (the operator's own time zone)
