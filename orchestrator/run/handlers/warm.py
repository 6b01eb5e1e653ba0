"""The handler of the action `warm`, which compiles a color's files into OPcache and requests the color's pages."""

from __future__ import annotations

import json
from collections.abc import Sequence

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.errors import CommandFailed
from orchestrator.gates import opcache
from orchestrator.operations.warm import warm
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Call, OperationHandler, seconds
from orchestrator.run.walk import WARNING
from orchestrator.runtimes import runtime_of
from orchestrator.scripts.command import understood
from orchestrator.stages.warm import Warm


class WarmHandler(OperationHandler[Warm]):
    """Warms a color with ``operations/warm.py``, and checks whether the release fits into OPcache.

    If the release does not fit into OPcache, the setting ``php.opcache`` decides: with ``refuse`` the step fails, with
    ``warn`` the step only shows a warning.
    """

    guarded = False

    @classmethod
    @override
    def call(cls, step: Step[Warm], settings: Settings) -> Call:
        action = step.action
        return Call(
            warm,
            {
                "root": settings.node.root,
                "color": action.color,
                "port": settings.ports.of(action.color),
                "hostname": settings.gate.host,
                "https": settings.gate.https,
                "paths": settings.warm,
                "public": settings.node.PUBLIC,
                "inspect": f"{settings.node.library}/inspect.php",
                "compile": runtime_of(settings).compiled,
                "exclude": settings.php.compile_exclude,
                "entries": runtime_of(settings).entries,
                "said": runtime_of(settings).said(action.color),
                "workers": runtime_of(settings).workers,
                "seconds": seconds(step.deadline),
            },
        )

    @override
    def heard(self, lines: Sequence[str]) -> str:
        problem, *detail = understood(judged, lines)
        if problem and self.settings.php.opcache == "refuse":
            raise CommandFailed(problem)
        return "\n".join([*detail, *([f"{WARNING}{problem}"] if problem else [])])


def judged(lines: Sequence[str]) -> list[str]:
    """Judge PHP-FPM's answer about the compiled files.

    Return a list: the problem with OPcache (empty if there is none), the line about the compiled files
    (`opcache.detail`), and, if files do not compile, a warning about these files. If PHP-FPM gave no answer about
    compiled files, the list has one empty text.
    """
    said = next((json.loads(line) for line in lines if line.startswith("{")), None)
    if not said:
        return [""]
    broken = opcache.broken(said)
    return [opcache.judge(said) or "", opcache.detail(said), *([f"{WARNING}{broken}"] if broken else [])]
