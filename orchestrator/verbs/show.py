"""Show the plan of a run, without a lock and without a change."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orchestrator.fleet import Fleet
from orchestrator.options import Options
from orchestrator.report import plan as report_plan
from orchestrator.report.terminal import heading, say
from orchestrator.stages import plan
from orchestrator.verbs.release import inputs


def show_plan(fleet: Fleet, verb: str, options: Options, verbose: bool, as_json: bool) -> None:
    """Look, plan, and show it, without lock or change. Raises Refused or UsageError, as the run would."""
    seen, i = inputs(fleet, verb, options)
    whole = plan(i)
    if options.save:
        Path(options.save).write_text(json.dumps(report_plan.data(seen, i, whole), indent=1))
    if as_json:
        click.echo(json.dumps(report_plan.data(seen, i, whole), indent=1))
        return
    say(heading(i), bold=True)
    for line in report_plan.lines(seen, i, whole, verbose):
        say(line)
