"""Rules about the source of a release, and about build steps that run on the operator's machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.config.source import GitSource

if TYPE_CHECKING:
    from orchestrator.config.settings import Settings


def builds_on_the_operator_machine_are_sent(settings: Settings) -> str | None:
    """Return an error message if the nodes would not get the outputs of a build step, otherwise None.

    A step that runs on the operator's machine needs a source whose files this machine pushes to the nodes.
    """
    here = [step.name for step in settings.build if step.on == "operator"]
    if here and not settings.source.is_sent:
        return (
            f"build.{here[0]}: the step runs on the operator's machine, and the nodes would not get its outputs: use a "
            'source of kind artifact (with checkout) or directory, or on = "nodes"'
        )
    return None


def new_instances_need_no_operator(settings: Settings) -> str | None:
    """Return an error message if a new instance would need data from the operator's machine, otherwise None.

    With ``scaling.hook``, a new instance prepares itself without the operator's machine. Without ``scaling.hook``, the
    function always returns None.
    """
    if settings.scaling is None or settings.scaling.hook is None:
        return None
    if not isinstance(settings.source, GitSource):
        return (
            "scaling.hook: a new instance can fetch a release only from a source of kind git, but source.kind is "
            f"{settings.source.kind}: use git, or remove scaling.hook"
        )
    if settings.source.login:
        return "scaling.hook: a new instance has no password for source.origin: log in with a key (source.key)"
    why = "but with scaling.hook, a new instance prepares itself without that machine"
    if settings.environment:
        return f"environment: the variables come from the operator's machine, {why}: use shared.files"
    if step := next((step.name for step in settings.build if step.on == "operator"), None):
        return f'build.{step}: the step runs on the operator\'s machine, {why}: use on = "nodes"'
    return None
