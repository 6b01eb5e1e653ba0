"""The verb `schedule`: choose the node that runs the single-node schedules."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from orchestrator.errors import Refused, UsageError
from orchestrator.fleet import Fleet
from orchestrator.options import Options
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.identity import foreign
from orchestrator.plan.schedules import changes, concerns, holder
from orchestrator.plan.steps import Stage
from orchestrator.report.terminal import say
from orchestrator.run.executor import Executor
from orchestrator.stages.schedule import changed
from orchestrator.survey import survey
from orchestrator.verbs.pause import refuse_open
from orchestrator.verbs.session import begin_session, read_journal


def schedule(fleet: Fleet, options: Options) -> int:
    """Let a node run the single-node schedules, after the former node has stopped running them.

    Without ``--data node=``, the present node stays; if there is none, the first node that has traffic is chosen.

    Return the exit status: 0, or 1 if a node could not be told.

    Raises UsageError or Refused if the settings have no schedules, if a node is unknown, if it is uncertain whether
    another node runs the schedules, or if an earlier run has not ended.
    """
    with begin_session(fleet, "schedule") as session:
        refuse_open(read_journal(fleet, "schedule").runs)
        state = survey(fleet, group=False)
        check(state, fleet, options)
        inside = with_traffic(state)
        found = changes(state, fleet.settings, inside, options.node, options.gone)
        if found and not _tell(fleet, session.fence, changed(found, fleet.settings)):
            say("schedule: see the lines above, then repeat the command", fg="red", bold=True)
            return 1
    name = found.holder if found else holder(state, options.gone).name
    say(f"done: {name} runs the single-node schedules", fg="green", bold=True)
    return 0


def _tell(fleet: Fleet, fence: int, stages: Sequence[Stage]) -> bool:
    """Perform stages until one fails, and print what the nodes say. Return whether all succeeded.

    + fence: the number of the run
    """
    with closing(Executor(fleet, fence)) as executor:
        for stage in stages:
            results = executor.perform(stage.do, undoing=False)
            for result in results:
                for line in filter(None, (result.error, result.detail)):
                    say(f"{result.place}: {line}", fg="yellow")
            if any(result.error for result in results):
                return False
    return True


def with_traffic(state: FleetState) -> list[str]:
    """Return the names of the nodes that answer and that no switch keeps out of the traffic."""
    kept_out = state.barred | set(state.drained)
    return [name for name in state.node_states if name not in kept_out]


def check(state: FleetState, fleet: Fleet, options: Options) -> None:
    """Raise UsageError or Refused if another node cannot take the single-node schedules over."""
    settings, nodes = fleet.settings, ", ".join(state.nodes)
    if not concerns(state, settings):
        raise UsageError("the settings have no schedules (docs/schedule.md)")
    for key, names in (("node", {options.node} - {""}), ("gone", options.gone)):
        if unknown := sorted(set(names) - set(state.nodes)):
            raise UsageError(f"--data {key}: there is no node {', '.join(unknown)} (nodes: {nodes})")
    if problems := foreign(state):
        raise Refused("; ".join(problems))
    if answering := sorted(set(options.gone) & set(state.node_states)):
        raise Refused(f"{', '.join(answering)} answers, so it is not gone: leave --data gone= out")
    inside = with_traffic(state)
    if options.node and options.node not in inside:
        raise Refused(f"{options.node} does not answer, or gets no traffic: name another node")
    if not inside:
        raise Refused("no node answers and gets traffic, so no node can run the schedules")
    if why := uncertain(state, options):
        raise Refused(
            f"{why}. Turn that node off, or make sure that it is off. Then add --data gone=NAME, so that another node "
            "runs the single-node schedules"
        )


def uncertain(state: FleetState, options: Options) -> str:
    """Return why it is uncertain whether another node runs the single-node schedules; empty if it is certain."""
    found = holder(state, options.gone)
    if found.name and not found.answers:
        return f"{found.name} ran the single-node schedules, and does not answer: it may still run them"
    if not found.name and found.silent:
        silent = ", ".join(found.silent)
        return f"no node that answers runs the single-node schedules, and {silent} may run them, but does not answer"
    return ""
