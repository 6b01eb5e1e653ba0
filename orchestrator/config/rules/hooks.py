"""Rules about hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.config.form import nearest

if TYPE_CHECKING:
    from orchestrator.config.settings import Settings


def hooks_name_tasks_of_the_settings(settings: Settings) -> str | None:
    """Return an error message if a hook names a task that the settings do not have, otherwise None."""
    for number, hook in enumerate(settings.hooks):
        if hook.task and hook.task not in settings.tasks:
            near = nearest(hook.task, settings.tasks)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(settings.tasks) or 'no tasks'}"
            return f"hooks.{number}.task: there is no task {hook.task} ({hint})"
    return None
