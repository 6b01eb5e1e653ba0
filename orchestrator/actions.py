"""Which pyinfra operation a step is, with all its arguments: pure, so that a plan can show what a run would send."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestrator.config import Settings
from orchestrator.model import Color
from orchestrator.operations.arm import arm, disarm
from orchestrator.operations.bar import bar
from orchestrator.operations.discard import discard
from orchestrator.operations.fetch import fetch
from orchestrator.operations.guarded import Guard
from orchestrator.operations.hook import hook
from orchestrator.operations.promote import promote
from orchestrator.operations.prune import prune
from orchestrator.operations.ready import ready
from orchestrator.operations.share import share
from orchestrator.operations.shift import shift
from orchestrator.operations.start import start
from orchestrator.operations.warm import warm
from orchestrator.plan import Step

if TYPE_CHECKING:
    from orchestrator.instant import Instant

Operation = Callable[..., Any]

OPERATIONS: dict[str, Operation] = {
    "fetch": fetch,
    "discard": discard,
    "share": share,
    "start": start,
    "warm": warm,
    "ready": ready,
    "shift": shift,
    "arm": arm,
    "disarm": disarm,
    "promote": promote,
    "prune": prune,
    "bar": bar,
    "hook": hook,
}


def operation_of(
    step: Step, settings: Settings, fence: int, undoing: bool = False, instant: Instant | None = None
) -> tuple[Operation, dict[str, Any]] | None:
    """The operation that performs a step, and its arguments; None for a step that only looks.

    + fence: number of the run
    + instant: when armed nodes swap, None for a plan that is only shown
    + undoing: an undo ends the command that holds a place's lock instead of waiting for it
    """
    found = OPERATIONS.get(step.action.name)
    if found is None or step.place.kind in ("api", "operator"):
        return None
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


def _more(step: Step, settings: Settings) -> dict[str, Any]:
    """What the settings, and not the plan, say."""
    node = settings.node
    color = Color(str(step.action.arguments["color"])) if "color" in step.action.arguments else None
    match step.action.name:
        case "fetch":
            return {"root": node.root, "origin": settings.source.origin}
        case "share":
            return {"root": node.root, "directories": settings.shared.directories, "files": settings.shared.files}
        case "start":
            assert color is not None
            wanted = settings.services if step.action.arguments["services"] else []
            units = [node.service_unit(color, service.name) for service in wanted]
            said = f"{node.library}/said" if units else ""
            return {"root": node.root, "target": node.target(color), "services": units, "said": said}
        case "prune":
            return {"root": node.root, "used": f"{node.library}/used"}
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
                "seconds": seconds(step),
            }
        case _:
            return {"root": node.root}


def _guard(step: Step, settings: Settings, fence: int, undoing: bool) -> Guard:
    layout = settings.balancer if step.place.kind == "balancer" else settings.node
    return Guard(f"{layout.library}/guard", layout.guard_dir, fence, seconds(step), undoing)


def seconds(step: Step) -> int:
    """Whole seconds for the far side's own limit: not more than the deadline here, and at least one."""
    return max(1, int(step.deadline))
