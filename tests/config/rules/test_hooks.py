"""A hook names a task that there is."""

from __future__ import annotations

import pytest

from orchestrator.config import load
from orchestrator.errors import UsageError

from ..test_settings import raw

HOOK = {"after": "promote", "task": "cahce"}


def test_a_hook_names_a_task_of_the_settings() -> None:
    with pytest.raises(UsageError, match=r"hooks.0.task: there is no task cahce \(did you mean cache\?\)"):
        load(raw(hooks=[HOOK], tasks={"cache": {"run": "true"}}))
    assert load(raw(hooks=[HOOK], tasks={"cahce": {"run": "true"}})).resolved_hooks[0].run == "true"
