"""Plan a removal: which parts are removed on each host, which parts stay, and which problems prevent the removal.

All functions are pure. Their arguments are facts that were read from the hosts before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.config import Settings
from orchestrator.model import Color
from orchestrator.plan.fleet_state import FleetState
from orchestrator.provision.removal import paths
from orchestrator.provision.removal.left import Left

RELOADS = {"haproxy": "HAProxy is reloaded", "nginx": "nginx is reloaded"}


def keys_kept(left: Left, user: str) -> str | None:
    """Return why a removal keeps the public keys of the setting ``authorized_keys`` on a host; None if no key stays.

    The keys stay if the operator logged in as the deploy user, or if another application may have the same deploy user.

    + left: the parts that the application has on the host
    + user: name of the deploy user
    """
    if not left.keys:
        return None
    if left.login == user:
        return f"the keys of {user} stay, because this command logs in as {user}"
    using = [app for app, theirs in left.others.items() if theirs in (user, "")]
    if using:
        return f"the keys of {user} stay, because {', '.join(using)} may use them"
    return None


def removes_keys(left: Left, user: str) -> bool:
    """Return whether a removal removes public keys of the setting ``authorized_keys`` from a host.

    + left: the parts that the application has on the host
    + user: name of the deploy user
    """
    return bool(left.keys) and keys_kept(left, user) is None


def is_clean(left: Left, user: str) -> bool:
    """Return whether a removal has nothing to remove on a host.

    + left: the parts that the application has on the host
    + user: name of the deploy user
    """
    return not (left.paths or left.units or left.rules or left.entries or removes_keys(left, user))


def problems(found: Mapping[str, Left], keep_shared: bool) -> list[str]:
    """Return one line for each host on which a problem prevents the removal.

    The only such problem is a file system that is mounted below the application's root directory. Other servers may use
    the same file system, so a removal never removes its data.

    + found: host -> the parts that the application has there
    + keep_shared: whether the directory ``shared`` stays. Then a file system that is mounted in this directory is no
      problem.
    """
    lines = []
    for name, left in found.items():
        mounts = [path for path in left.mounts if not (keep_shared and f"/{paths.SHARED}" in path)]
        if mounts:
            way = "" if keep_shared else ", or keep the shared data with --data keep=shared"
            lines.append(f"{name}: {', '.join(mounts)} is a mounted file system: unmount it first{way}")
    return lines


def traffic(state: FleetState, found: Mapping[str, Left]) -> Iterator[str]:
    """Yield one line for each switch, which says what share of the requests the switch sends to each color now.

    If clients have open connections to the switch, the line also gives the number of these connections.

    + state: the state of the fleet
    + found: host -> the parts that the application has there
    """
    for name, seen in state.seen.items():
        shares = [
            f"{seen.weights.share(color)}% of the requests to {color} ({_release(state, color)})"
            for color in Color
            if seen.weights.share(color)
        ]
        clients = found[name].clients if name in found else 0
        connected = f"; {clients} connections of clients are open" if clients else ""
        yield f"{name} sends {' and '.join(shares)}{connected}"


def _release(state: FleetState, color: Color) -> str:
    releases = {release for node in state.node_states.values() if (release := node.release[color])}
    return ", ".join(sorted(releases)) or "no release"


def shared_data(found: Mapping[str, Left]) -> str:
    """Return a text that names the hosts on which a removal removes shared data, and the size of the data.

    The text is empty if a removal removes no shared data.

    + found: host -> the parts that the application has there
    """
    sizes = [
        f"{name} {left.shared / 1024:.1f} MiB" if left.shared is not None else f"{name} of unknown size"
        for name, left in found.items()
        if paths.SHARED in left.entries
    ]
    return ", ".join(sizes)


def lines(settings: Settings, found: Mapping[str, Left], keep_shared: bool) -> Iterator[str]:
    """Yield the lines of the plan: the parts that a removal removes on each host, and the parts that stay.

    + settings: settings of the application
    + found: host -> the parts that the application has there, in the order of the removal
    + keep_shared: whether the directory ``shared`` stays
    """
    for name, left in found.items():
        gone = list(_gone(settings, left))
        yield f"{name}: removes {'; '.join(gone)}" if gone else f"{name}: nothing is left"
        for stays in _stays(settings, left, keep_shared):
            yield f"{name}: {stays}"


def _gone(settings: Settings, left: Left) -> Iterator[str]:
    files = {file: RELOADS[program] for program, file in paths.serving(settings).items()}
    for path in left.paths:
        reloads = files.get(path.removesuffix(".removed"))
        if reloads and reloads.startswith("nginx") and left.beside:
            reloads += f", which also reads {', '.join(left.beside)}"
        yield f"{path} ({reloads})" if reloads else path
    if left.units:
        yield f"units {', '.join(left.units)}"
    if left.rules:
        yield f"firewall rules that bar nodes: {', '.join(left.rules)}"
    entries = [entry for entry in left.entries if entry != "."]
    if left.entries:
        yield f"{settings.node.root}" + (f" with {', '.join(entries)}" if entries else "")
    if removes_keys(left, settings.user):
        yield f"public keys of {settings.user}: {left.keys}"


def _stays(settings: Settings, left: Left, keep_shared: bool) -> Iterator[str]:
    if kept := keys_kept(left, settings.user):
        yield kept
    if keep_shared and paths.SHARED in left.foreign:
        yield f"{settings.node.shared} stays"
    foreign = [name for name in left.foreign if not (keep_shared and name == paths.SHARED)]
    if foreign:
        yield f"{', '.join(foreign)} in {settings.node.root} stays, because this tool did not make it"


def order(nodes: Sequence[str], balancers: Sequence[str]) -> list[str]:
    """Return the names of all hosts in the order of a removal: balancers first, and then nodes.

    With this order, the nodes get no more requests when the removal begins on them.

    + nodes: names of the nodes
    + balancers: names of the balancers
    """
    return [*balancers, *(name for name in nodes if name not in balancers)]
