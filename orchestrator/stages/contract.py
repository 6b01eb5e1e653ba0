"""Plan a contract: remove the parts of the schema that only older releases use."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Place, Plan, Stage, Step
from orchestrator.stages.expand import migration
from orchestrator.stages.lint import SLACK, lint
from orchestrator.stages.quiet import quiet
from orchestrator.stages.start import retire

CHECK = Kind("check", ("node",), skipped="the settings have no database.migrate.check", hooks=True)
OLDER = Kind("older processes", ("node",), changes=False, hooks=True, standing=True)
BARRIER = Kind("barrier", ("node",), hooks=True)
BARRIER_BACK = Kind("barrier back", ("node",))
CONTRACT = Kind("contract", ("node",), hooks=True, decides=True)


@dataclass(frozen=True)
class FindOlder(Action):
    """Fail if a node runs a process that belongs to a release other than the live release.

    + release: the live release
    """

    name = "find older"
    handler = "orchestrator.run.handlers.barrier:FindOlderHandler"

    release: str


@dataclass(frozen=True)
class Barrier(Action):
    """Note on a node that no release that is older than this release may run on the node any more.

    + release: the release; empty to remove the note
    """

    name = "barrier"
    handler = "orchestrator.run.handlers.barrier:BarrierHandler"

    release: str


@dataclass(frozen=True)
class CheckFiles(Action):
    """Fail if no contract file of a release is to run, if a backfill is not finished, or if a check query is not 0.

    + release: the release that has the files
    + databases: the names of the databases that have files; the section ``database`` has the empty name
    + beside: whether a command changes another database, so that the contract may be needed even if no file is to run
    """

    name = "check files"
    handler = "orchestrator.run.handlers.files:CheckFilesHandler"

    release: str
    databases: tuple[str, ...] = ("",)
    beside: bool = False


def contract(i: Inputs) -> Plan:
    """Return the plan of a contract.

    Before the schema changes, the plan stops the older release in the idle color, and fails if another process of an
    older release still runs. The commit comes before the command of the contract, because after the command has
    begun, no older release can work. From the commit on, runs refuse all releases that are older than the live release.
    If the command fails, the next contract runs the command again.
    """
    idle = replace(i, color=i.color.other)
    return Plan(
        "contract",
        (
            *check(i),
            *lint(i, "contract"),
            quiet(idle),
            retire(idle),
            older(i),
            replace(barrier(i, i.release, undo=i.barrier), commits=True),
            *(Stage(CONTRACT, (migration(i, "contract", name),), label=name) for name in _contracts(i)),
        ),
    )


def check(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages that check whether the contract may run.

    One stage checks all databases with SQL files: at least one contract file must be left to run, all backfills must be
    done, and all check queries must return 0. Each command ``check`` has a separate stage. If there is nothing to
    check, the stage has no steps.
    """
    assert i.database is not None
    settings = {name: i.settings.all_databases[name] for name in _contracts(i)}
    files = tuple(name for name, setting in settings.items() if setting.files is not None)
    commands = tuple(name for name, setting in settings.items() if setting.migrate and setting.migrate.check)
    stages = [Stage(CHECK, (migration(i, "check", name),), label=name) for name in commands]
    if files:
        longest = max(settings[name].deadline for name in files)
        action = CheckFiles(i.release, files, beside=len(files) < len(settings))
        step = Step(Place("node", i.database.runner), action, longest + SLACK)
        stages.insert(0, Stage(CHECK, (step,), label="SQL files" if commands else ""))
    return tuple(stages) or (Stage(CHECK, ()),)


def _contracts(i: Inputs) -> tuple[str, ...]:
    """Return the names of the databases for which the settings have a way to run a contract."""
    return tuple(name for name, setting in i.settings.all_databases.items() if setting.contracts)


def older(i: Inputs) -> Stage:
    """Return the stage that checks that all processes on the nodes belong to the live release."""
    action = FindOlder(i.release)
    return Stage(OLDER, tuple(Step(place, action, i.settings.deadlines.look) for place in i.node_places))


def barrier(i: Inputs, release: str, undo: str | None = None) -> Stage:
    """Return the stage that notes the barrier on the nodes.

    + release: the release; no older release may run any more
    + undo: the release of the former barrier, which an undo notes again; empty for no barrier, None for no undo
    """
    back = () if undo is None else (Stage(BARRIER_BACK, _noted(i, undo)),)
    return Stage(BARRIER, _noted(i, release), undo=back)


def _noted(i: Inputs, release: str) -> tuple[Step, ...]:
    action = Barrier(release)
    return tuple(Step(place, action, i.settings.deadlines.promote) for place in i.node_places)
