"""Which pyinfra operation a step is, with all its arguments: pure, so that a plan can show what a run would send."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestrator import runtime
from orchestrator.config import Settings
from orchestrator.config.source import ArchiveSource, GitSource, Tarball
from orchestrator.model import Color
from orchestrator.operations.arm import arm, disarm
from orchestrator.operations.bar import bar
from orchestrator.operations.build import build
from orchestrator.operations.discard import discard
from orchestrator.operations.environment import environment
from orchestrator.operations.extract import extract
from orchestrator.operations.fetch import fetch
from orchestrator.operations.hook import hook
from orchestrator.operations.permit import permit
from orchestrator.operations.promote import promote
from orchestrator.operations.prune import prune
from orchestrator.operations.ready import ready
from orchestrator.operations.receive import receive
from orchestrator.operations.share import share
from orchestrator.operations.shift import shift
from orchestrator.operations.start import start
from orchestrator.operations.tidy import tidy
from orchestrator.operations.unchanged import unchanged
from orchestrator.operations.warm import warm
from orchestrator.plan.steps import Step
from orchestrator.scripts.guarded import Guard

if TYPE_CHECKING:
    from orchestrator.run.swap_time import SwapTime

Operation = Callable[..., Any]

OPERATIONS: dict[str, Operation] = {
    "fetch": fetch,
    "discard": discard,
    "share": share,
    "environment": environment,
    "build": build,
    "unchanged": unchanged,
    "permit": permit,
    "start": start,
    "warm": warm,
    "ready": ready,
    "shift": shift,
    "arm": arm,
    "disarm": disarm,
    "promote": promote,
    "prune": prune,
    "tidy": tidy,
    "bar": bar,
    "hook": hook,
}


def operation_of(
    step: Step, settings: Settings, fence: int, undoing: bool = False, instant: SwapTime | None = None
) -> tuple[Operation, dict[str, Any]] | None:
    """The operation that performs a step, and its arguments; None for a step that only looks.

    + fence: number of the run
    + instant: when armed nodes swap, None for a plan that is only shown
    + undoing: an undo ends the command that holds a place's lock instead of waiting for it
    """
    found = OPERATIONS.get(step.action.name)
    if found is None or step.place.kind in ("api", "operator"):
        return None
    if step.action.name == "fetch":
        found, arguments = _fetch(step, settings)
    else:
        arguments = dict(step.action.arguments) | _more(step, settings)
    arguments.pop("back", None)  # a balancer of ours goes back as it went
    if step.action.name == "arm":
        at, window = (instant.at, instant.window) if instant else (0.0, 0.0)
        arguments |= {"at": at, "window": window, "run": fence}
    if step.action.name != "warm":  # it changes nothing but memory
        arguments["guard"] = _guard(step, settings, fence, undoing)
    return found, arguments


def commands(step: Step, settings: Settings) -> list[str]:
    """The commands that a step would send, without secrets; none for a step that only looks."""
    found = operation_of(step, settings, fence=0)
    if found is None:
        return []
    operation, arguments = found
    return [command.get_masked_value() for command in operation._inner(**arguments)]  # type: ignore[attr-defined]


def _fetch(step: Step, settings: Settings) -> tuple[Operation, dict[str, Any]]:
    """Each kind of source has an operation of its own."""
    source, asked = settings.source, step.action.arguments
    always = {"root": settings.node.root, "release": asked["release"]}
    if isinstance(source, GitSource):
        of_it = {"revision": asked["revision"], "origin": source.address, "login": bool(source.login)}
        return fetch, {**always, **of_it, "ssh": settings.node.ssh, "leave_out": settings.left_out}
    if isinstance(source, ArchiveSource) or (isinstance(source, Tarball) and source.url):
        return extract, {**always, "sha256": asked["revision"], "strip": source.strip, "pushed": source.url is None}
    return receive, {**always, "expected": ""}  # nobody knows before it is built


def _more(step: Step, settings: Settings) -> dict[str, Any]:
    """What the settings, and not the plan, say."""
    node = settings.node
    color = Color(str(step.action.arguments["color"])) if "color" in step.action.arguments else None
    match step.action.name:
        case "share":
            shared = settings.shared
            return {
                "root": node.root,
                "directories": shared.directories,
                "files": shared.files,
                "seed": shared.seed,
            }
        case "environment":
            assert settings.environment is not None
            return {"root": node.root, "path": settings.environment.path}
        case "build":
            found = next(one for one in settings.build if one.name == step.action.arguments["step"])
            return {"root": node.root, **found.parts}
        case "permit":
            return {"root": node.root, "own": f"{node.library}/own", "web_user": settings.web_user, **_owners(settings)}
        case "discard" | "tidy":
            return {"root": node.root, "remove": f"{node.library}/remove"}
        case "start":
            assert color is not None
            wanted = settings.services if step.action.arguments["services"] else []
            units = [node.service_unit(color, service.name) for service in wanted]
            said = "" if settings.runtime == "static" else f"{node.library}/said"
            timer = node.shrink(color, "timer") if settings.shrinks else ""
            return {"root": node.root, "target": node.target(color), "services": units, "said": said, "timer": timer}
        case "promote":
            return {"root": node.root, "app": settings.app}
        case "prune":
            return {"root": node.root, "used": f"{node.library}/used", "remove": f"{node.library}/remove"}
        case "bar":
            return {"script": f"{settings.balancer.library}/bar"}
        case "hook":
            return {"directory": node.release(str(step.action.arguments["release"]))}
        case "ready" | "shift":
            return {"app": settings.app}
        case "warm":
            assert color is not None
            return {
                "root": node.root,
                "port": settings.ports.of(color),
                "hostname": settings.gate.host,
                "https": settings.gate.https,
                "paths": settings.warm,
                "public": settings.php.public,
                "inspect": f"{node.library}/inspect.php",
                "compile": runtime.compiled(settings),
                "exclude": settings.php.compile_exclude,
                "workers": runtime.workers(settings),
                "seconds": seconds(step.deadline),
            }
        case _:
            return {"root": node.root}


def _owners(settings: Settings) -> dict[str, Any]:
    asked, environment = settings.permissions, settings.environment
    made = [path for one in settings.build if one.on == "nodes" for path in one.outputs]
    return {
        "environment": environment.path if environment else None,
        "environment_owner": settings.environment_owner,
        **asked.model_dump(),
        "outputs": made,
    }


def _guard(step: Step, settings: Settings, fence: int, undoing: bool) -> Guard:
    layout = settings.balancer if step.place.kind == "balancer" else settings.node
    return Guard(f"{layout.library}/guard", layout.guard_dir, fence, seconds(step.deadline), undoing)


def seconds(deadline: float) -> int:
    """Whole seconds for the far side's own limit: not more than the deadline here, and at least one."""
    return max(1, int(deadline))
