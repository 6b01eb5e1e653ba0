"""The script by which a new instance of an Auto Scaling group makes itself ready, and its steps.

The steps are the scripts of the operations that releases run, as files: what a node does by itself and what a
release does to it are the same. docs/aws-instances.md tells how it is used.
"""

from __future__ import annotations

import shlex
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator.config import Settings
from orchestrator.errors import UsageError
from orchestrator.facts.answers import forwarded
from orchestrator.model import Color
from orchestrator.operations import fetch, promote, share, start, warm
from orchestrator.provision.fastcgi import fastcgi_command
from orchestrator.provision.render import NOTICE, TEMPLATES


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    made.filters["q"] = shlex.quote
    return made


def script(settings: Settings) -> str:
    """The script ``catch-up``. Raises UsageError without ``scaling.hook``."""
    scaling = settings.scaling
    if scaling is None or scaling.hook is None:
        raise UsageError("settings: scaling.hook is missing: new instances have nothing to complete")
    shared = settings.shared
    return (
        _environment()
        .get_template("catch-up.j2")
        .render(
            notice=NOTICE,
            app=settings.app,
            user=settings.user,
            root=settings.node.root,
            library=settings.node.library,
            guard_dir=settings.node.guard_dir,
            origin=settings.source.origin,
            live=scaling.live,
            group=scaling.group,
            hook=scaling.hook,
            shared=[f"directory:{path}" for path in shared.directories] + [f"file:{path}" for path in shared.files],
            warm=settings.warm,
            gate=settings.gate,
            proto=forwarded(settings.gate.https),
            services=settings.services,
            ports=settings.ports,
            deadlines=settings.deadlines,
        )
    )


def steps_directory(settings: Settings) -> str:
    """Where the steps are, on a node."""
    return f"{settings.node.library}/step"


def steps(settings: Settings) -> dict[str, str]:
    """The steps, by name: fetch, share, start, promote; for each color warm and code (what its PHP-FPM runs)."""
    texts = {"fetch": fetch.SCRIPT, "share": share.SCRIPT, "start": start.SCRIPT, "promote": promote.SCRIPT}
    layout = settings.node
    for color in Color:
        document_root = f"{layout.link(color)}/{settings.php.public}"
        inspect = f"{layout.library}/inspect.php"
        compile_all = fastcgi_command(layout.socket(color), inspect, "compile=1", document_root)
        texts[f"warm-{color}"] = f"{warm.SCRIPT.strip()}\n{compile_all} >/dev/null"
        texts[f"code-{color}"] = fastcgi_command(layout.socket(color), inspect, "", document_root)
    return {name: f"#!/bin/sh\n# {NOTICE}\n{text.strip()}\n" for name, text in texts.items()}
