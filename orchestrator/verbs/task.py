"""The verbs `task` and `tasks`: run a command of the settings by its name, and list these commands."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable, Mapping

import click
from pyinfra.api.host import Host

from orchestrator.config.form import nearest
from orchestrator.config.task import Task
from orchestrator.console import lines
from orchestrator.errors import NotYet, OrchestratorError, Refused, Silent, UsageError
from orchestrator.fleet import Fleet
from orchestrator.journal.session import who
from orchestrator.options import Options
from orchestrator.report.terminal import say
from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import guarded
from orchestrator.waiting import within

SCRIPT = read("console/task.sh")


def show_tasks(fleet: Fleet, options: Options) -> int:
    """Print the tasks of the settings, one task on each line. Return the exit status, 0."""
    tasks = fleet.settings.tasks
    if not tasks:
        say("the settings have no tasks (docs/tasks.md)")
    width = max(map(len, tasks), default=0)
    for name, task in sorted(tasks.items()):
        where = {"each": "each node", "first": "first node", "operator": "this machine"}[task.on]
        user = f", as {fleet.settings.web_user}" if task.user == "web" else ""
        click.echo(f"{name:<{width}}  {where}{user}: {fleet.mask.hide(task.run)}")
    return 0


def task_of(fleet: Fleet, name: str) -> Task:
    """Return the task with this name. Raises UsageError if there is no such task."""
    tasks = fleet.settings.tasks
    if name not in tasks:
        near = nearest(name, tasks)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(tasks)) or 'no tasks'}"
        raise UsageError(f"--data task={name}: the settings have no task {name or 'without a name'} ({hint})")
    return tasks[name]


def confirm(task: Task, name: str, yes: bool, is_terminal: bool) -> None:
    """Ask the operator whether to run a task, if the task has the setting ``confirm``.

    + yes: whether the operator gave ``-y``, so that there is no question
    + is_terminal: whether the operator can answer

    Raises UsageError if a question is needed and there is no terminal. Raises Refused if the answer is no.
    """
    if not task.confirm or yes:
        return
    if not is_terminal:
        raise UsageError(
            f"the task {name} asks before it runs, but there is no terminal: add -y to run without the question"
        )
    if not click.confirm(f"run the task {name} (`{task.run}`)?", err=True):
        raise Refused(f"the task {name} was not confirmed, so nothing was run")


def run_task(fleet: Fleet, options: Options) -> int:
    """Run a task on the places that its setting ``on`` names, one place after the other. Return the exit status.

    Each line of the output is printed as it comes, after the name of its node. At the first place at which the task
    fails, the task stops, and the exit status is 1.

    Raises UsageError if there is no such task.
    """
    name, task = options.task, task_of(fleet, options.task)
    _learn(fleet)
    facts = {"ORCHESTRATOR_VERB": "task", "ORCHESTRATOR_USER": who(), "ORCHESTRATOR_NODES": " ".join(fleet.nodes)}
    places = {"each": fleet.nodes, "first": fleet.nodes[:1], "operator": ["operator"]}[task.on]
    for number, place in enumerate(places):
        problem = _at(fleet, task, place, facts)
        if problem:
            rest = places[number + 1 :]
            left = f"; it did not run on {', '.join(rest)}" if rest else ""
            say(fleet.mask.hide(f"task {name} failed on {place}: {problem}{left}"), fg="red", bold=True)
            return 1
    say(f"done: task {name} on {', '.join(places)}", fg="green", bold=True)
    return 0


def _at(fleet: Fleet, task: Task, place: str, facts: Mapping[str, str]) -> str:
    """Run a task at one place. Return the problem; empty if the task succeeded."""

    def show(line: str) -> None:
        click.echo(fleet.mask.hide(f"{place} | {line}"))

    def act() -> int:
        if task.on == "operator":
            return lines.here(task.run, facts, show)
        host = fleet.host(place)
        if not host.connected:
            raise Silent("cannot be reached")
        return _at_node(fleet, task, host, facts, show)

    try:
        with within(task.deadline, NotYet(f"took longer than {task.deadline:g} s")):
            status = act()
    except (Silent, NotYet) as failure:
        return str(failure)
    return f"`{task.run}` ended with status {status}" if status else ""


def _at_node(fleet: Fleet, task: Task, host: Host, facts: Mapping[str, str], show: Callable[[str], None]) -> int:
    layout = fleet.settings.node
    mark = f"answer-{secrets.token_hex(8)}"
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in facts.items())
    web = layout.as_web if task.user == "web" else ""
    begun = False

    def take(line: str) -> None:
        nonlocal begun
        if begun:
            show(line)
        begun = begun or line == mark

    watch = "watch" if lines.keeps_input(host) else ""
    return lines.at_host(
        host, guarded(SCRIPT, [layout.root, task.run, web, exports, mark, watch], None, alone=True), take
    )


def _learn(fleet: Fleet) -> None:
    """Read the values of the application's environment, so that the output does not show them."""
    try:
        fleet.variables.read()
    except OrchestratorError as error:
        say(
            "warning: the values of the environment could not be read, so the output of the task may show them: "
            f"{error}",
            fg="yellow",
        )
