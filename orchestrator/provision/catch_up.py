"""Make the script ``catch-up``, with which a new instance of an Auto Scaling group prepares itself for traffic.

``catch-up`` calls other scripts, the steps. Most steps are the scripts of a release's operations, such as ``build``.
Therefore an instance prepares itself exactly as a release prepares a node. docs/aws-instances.md explains how
``catch-up`` is used.
"""

from __future__ import annotations

from orchestrator.config import Settings
from orchestrator.config.source import GitSource
from orchestrator.errors import UsageError
from orchestrator.facts.answers import forwarded
from orchestrator.layout import HEALTH
from orchestrator.model import Color
from orchestrator.operations import build, configure, fetch, permit, promote, share, start, warm
from orchestrator.provision.render import NOTICE, templates
from orchestrator.runtimes import runtime_of
from orchestrator.stack.files import files, packed

STACK = "stack.tar"
"""Name of the archive with the configuration files for a color of a release (nginx, PHP-FPM, services).

The archive is one of the files that the script ``catch-up`` uses on a new instance.
"""


def script(settings: Settings) -> str:
    """Return the text of the script ``catch-up``. Raises UsageError if the setting ``scaling.hook`` is missing."""
    scaling = settings.scaling
    if scaling is None or scaling.hook is None:
        raise UsageError(
            "settings: scaling.hook is missing: set scaling.hook to the name of the hook that a new instance completes"
        )
    shared, source = settings.shared, settings.source
    assert isinstance(source, GitSource)
    return (
        templates(trim=False)
        .get_template("catch-up.j2")
        .render(
            notice=NOTICE,
            app=settings.name,
            user=settings.user,
            root=settings.node.root,
            library=settings.node.library,
            guard_dir=settings.node.guard_dir,
            origin=source.address,
            extras=fetch.flags(source.submodules, source.lfs),
            left_out=fetch.patterns(settings.left_out),
            live=scaling.live,
            group=scaling.group,
            hook=scaling.hook,
            shared=share.entries(shared.directories, shared.files, shared.seed),
            build=_steps_of(settings, "deploy"),
            web_build=_steps_of(settings, "web"),
            as_web=settings.node.as_web,
            permit=_permit(settings),
            warm=settings.warm,
            compiles=bool(runtime_of(settings).compiled),
            workers=runtime_of(settings).workers,
            has_workers=bool(settings.workers),
            has_schedule=bool(settings.schedule),
            timer=f'"{settings.name}-$1-shrink.timer"' if settings.shrinks else '""',
            what=runtime_of(settings).label,
            web_user=settings.web_user,
            stack=STACK,
            include=settings.web.include or "",
            gate=settings.gate,
            health=HEALTH,
            proto=forwarded(settings.gate.https),
            ports=settings.ports,
            deadlines=settings.deadlines,
        )
    )


def steps_directory(settings: Settings) -> str:
    """Return the path of the directory on a node that holds the scripts that ``catch-up`` calls."""
    return f"{settings.node.library}/step"


def steps(settings: Settings) -> dict[str, str]:
    """Return the files that ``catch-up`` uses: file name -> text.

    Most files are scripts of a release's operations. For each color there are three more scripts: ``compile-<color>``
    compiles the PHP files of the color's release into OPcache, ``code-<color>`` prints which code the color runs, and
    ``said-<color>`` prints the last error of PHP. The file `STACK` is an archive of the files that configure the color
    of a release.
    """
    texts = {"fetch": fetch.SCRIPT, "share": share.SCRIPT, "build": build.SCRIPT, "permit": permit.SCRIPT}
    texts |= {"configure": configure.SCRIPT, "start": start.SCRIPT, "promote": promote.SCRIPT, "warm": warm.SCRIPT}
    layout = settings.node
    for color in Color:
        document_root = f"{layout.link(color)}/{layout.PUBLIC}"
        inspect = f"{layout.library}/inspect.php"
        runtime = runtime_of(settings)
        compiled, excluded = runtime.compiled, settings.php.compile_exclude
        texts[f"compile-{color}"] = warm.compile_command(
            layout.socket(color), document_root, inspect, compiled, excluded, runtime.entries
        )
        texts[f"said-{color}"] = runtime.said(color)
        texts[f"code-{color}"] = runtime.code(color)
    scripts = {name: f"#!/bin/sh\n# {NOTICE}\n{text.strip()}\n" for name, text in texts.items()}
    return {**scripts, STACK: packed(files(settings), settings.php.public) + "\n"}


def _steps_of(settings: Settings, user: str) -> list[tuple[float, list[str]]]:
    """Return the deadline of each build step of a user, in seconds, and the arguments that describe the step.

    + user: ``deploy`` or ``web``
    """
    return [(step.deadline, build.words(step.name, **step.parts)) for step in settings.build if step.user == user]


def _permit(settings: Settings) -> list[str]:
    """Return the arguments that the script ``permit`` gets after the release id.

    The list is empty if the settings have no permissions. The arguments for the path and the owner of the environment
    file are empty, because a new instance has no environment file.
    """
    asked = settings.permissions
    if not asked.model_dump(exclude_defaults=True):
        return []
    outputs = [path for step in settings.build for path in step.outputs]
    own = f"{settings.node.library}/own"
    said = permit.words(**asked.model_dump(), outputs=outputs)
    return [own, "", "", settings.web_user, *said]
