"""The settings of workers: processes of each color that take jobs from a queue, and answer no requests."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orchestrator.config.duration import Duration
from orchestrator.config.form import newly
from orchestrator.config.names import name_of
from orchestrator.config.program import not_one_program
from orchestrator.config.section import Section
from orchestrator.config.service import unit_of_ours

MOST = 100
"""The largest number of processes of one worker on a node."""

Over = Literal["wait", "kill", "leave"]
FINISH, SURVIVE = 60.0, 3.0
OVER: Over = "leave"
"""FINISH, SURVIVE and OVER are the defaults of the keys ``finish``, ``survive`` and ``over``.

If an older release has a worker that the settings no longer have, these values also apply to this worker.
"""


class Worker(Section):
    """A command that runs in several processes of the color that has the traffic (docs/workers.md)."""

    name: Annotated[str, name_of("a worker"), newly(unit_of_ours)] = Field(
        description="name of the worker; its systemd units are `<app>-<color>-<name>@<number>.service`, and its lines "
        "in systemd's journal have the identifier `<app>-<name>`"
    )
    command: Annotated[str, newly(not_one_program)] = Field(
        min_length=1,
        description="one program with its arguments, in one line, which runs in the release's directory. The variables "
        "RELEASE and COLOR are set. If the command ends, systemd starts it again after a second",
    )
    count: int = Field(1, ge=1, le=MOST, description="number of processes on each node")
    user: Literal["deploy", "web"] = Field(
        "web", description="user that runs the command: the deploy user or the web user"
    )
    start: Literal["before", "after"] = Field(
        "after",
        description="when the new release's processes start: `after` the traffic has moved to the new release, or "
        "`before` the cutover",
    )
    share: Literal["first", "last"] = Field(
        "last",
        description="with several weights in `cutover` and `start` = `after`: whether the new release's processes "
        "start after the first or the last weight",
    )
    survive: Duration = Field(
        SURVIVE,
        ge=0,
        le=600,
        description="time that the new release's processes must run without ending. If a process ends earlier, the "
        "release fails",
    )
    stop_signal: Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH"] = Field(
        "SIGTERM", description="signal that tells a process to take no further job, to finish its job and then to end"
    )
    finish: Duration = Field(FINISH, ge=1, le=86400, description="time that a process has to finish its last job")
    over: Over = Field(
        OVER,
        description="what happens to a process that still runs after `finish`. `leave`: the run ends with a warning, "
        "and the process finishes its job; `wait`: the run waits until the process has ended, for a day at most; "
        "`kill`: systemd kills the process",
    )
    memory_mb: int | None = Field(
        None,
        ge=1,
        le=1_000_000_000,
        description="memory in MiB that one process of the worker and its children may use; default: no limit",
    )
    cpu: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="CPU time of one process of the worker and its children, in per cent of one CPU core; default: no "
        "limit",
    )
