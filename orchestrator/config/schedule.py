"""The settings of schedules: commands that run at fixed times, with the code of the live release."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from orchestrator.config.duration import Duration
from orchestrator.config.form import form
from orchestrator.config.names import name_of
from orchestrator.config.section import Section
from orchestrator.config.service import unit_of_ours

MINUTE = "minute"

TIMES = form(
    r"[A-Za-z0-9*:/.,~_+-]+( [A-Za-z0-9*:/.,~_+-]+){0,3}",
    "a time of a schedule",
    'write minute, or an OnCalendar expression of systemd, such as "*:0/5" (every five minutes) or "Mon..Fri 03:00". '
    "An expression of cron, such as */5 * * * *, is not accepted",
    lambda text: {"minutely": MINUTE, "* * * * *": MINUTE, "every minute": MINUTE}.get(text.strip().lower(), ""),
)


def _free(name: str) -> str:
    """Return the name of a schedule. Raises ValueError if a unit of another application could have the same name."""
    why = unit_of_ours(name)
    if name == "workers":
        why = f"{name} is the name of a unit that this tool installs: choose another name"
    if why:
        raise ValueError(why)
    return name


class Schedule(Section):
    """A command that systemd starts at fixed times, with the code of the live release (docs/schedule.md)."""

    name: Annotated[str, name_of("a schedule"), AfterValidator(_free)] = Field(
        description="name of the schedule; its systemd units are `<app>-schedule-<name>.timer` and "
        "`<app>-schedule-<name>.service`, and its lines in systemd's journal have the identifier `<app>-<name>`"
    )
    command: str = Field(
        min_length=1,
        description="one shell command, in one line, which runs in the directory of the live release. The variables "
        "RELEASE and COLOR are set",
    )
    every: Annotated[str, TIMES] = Field(
        MINUTE,
        description='when the command runs: `minute`, or an OnCalendar expression of systemd, such as `"*:0/5"` or '
        '`"Mon..Fri 03:00"`, in the time zone of the node',
    )
    on: Literal["one node", "each"] = Field(
        "one node", description="where the command runs: `one node`, always the same one, or `each` node"
    )
    user: Literal["deploy", "web"] = Field(
        "web", description="user that runs the command: the deploy user or the web user"
    )
    limit: Duration | None = Field(
        None, ge=1, le=604800, description="time after which systemd ends the command; default: no limit"
    )

    @property
    def calendar(self) -> str:
        """The OnCalendar expression of systemd."""
        return "minutely" if self.every == MINUTE else self.every
