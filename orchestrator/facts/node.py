"""Read the state of a node with one command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.config.identity import Identity
from orchestrator.config.identity import parse as identity
from orchestrator.facts import schedule, workers
from orchestrator.facts.base import Fact
from orchestrator.facts.schedule import NO_SCHEDULE, ScheduleState
from orchestrator.facts.workers import NO_WORKERS, WorkerState
from orchestrator.model import Color
from orchestrator.scripts.command import digests, number, pairs, question
from orchestrator.scripts.files import read

SCRIPT = read("facts/node.sh")


@dataclass(frozen=True)
class NodeState:
    """The state of a node.

    + provisioned: whether the node is provisioned
    + live: color that the node's ``live`` link names; None if there is no link
    + release: color -> id of the release to which the color points; None if the color points to no release
    + started: color -> id of the release for which the color's processes were last started; ``none`` if they were
      started without a release; None if this is not recorded
    + active: color -> whether the color's systemd target is active
    + shrunk: colors whose PHP-FPM has only the few workers of the setting ``php.idle_workers``
    + restarted: colors whose OPcache is empty. Either a run started the color without warming it, or a run warmed the
      color, and something else, such as a reboot, restarted the color later
    + draining: whether a provisioning has begun to drain the node and has not let the node in again. The drain of
      a join does not count
    + releases: ids of the releases on the node's disk, oldest first
    + disk_mb, inodes, memory_mb: free disk space (MiB), number of free inodes, free memory (MiB)
    + release_mb, release_inodes: disk space (MiB) and number of inodes of the larger one of the two colors' releases; 0
      if unknown
    + rss_mb: color -> memory of PHP-FPM, or of the service that answers all requests (MiB)
    + filesystem: type of the file system that holds the application, as ``stat -f`` names the type
    + fence: highest number of a run that the node's guard has seen
    + barrier: id of the release that was live at the latest contract (docs/how.md). No older release may run any more.
      Empty if there was no contract
    + workers: the workers of both colors
    + schedule: the schedules that the node runs
    + digests: key of a setting -> digest of the value that provisioning applied on the node; None if the node has no
      record of these digests
    + identity: the inventory that provisioned the node; None if an earlier version of this tool provisioned the node
    """

    provisioned: bool
    live: Color | None
    release: dict[Color, str | None]
    started: dict[Color, str | None]
    active: dict[Color, bool]
    releases: tuple[str, ...]
    disk_mb: int
    inodes: int
    memory_mb: int
    rss_mb: dict[Color, int]
    filesystem: str
    fence: int
    release_mb: int = 0
    release_inodes: int = 0
    shrunk: frozenset[Color] = frozenset()
    restarted: frozenset[Color] = frozenset()
    draining: bool = False
    barrier: str = ""
    workers: WorkerState = NO_WORKERS
    schedule: ScheduleState = NO_SCHEDULE
    digests: Mapping[str, str] | None = None
    identity: Identity | None = None

    @property
    def cold(self) -> frozenset[Color]:
        """The colors that a run must warm before they get traffic, although they run the right release."""
        return self.shrunk | self.restarted


def parse(output: list[str]) -> NodeState:
    """Return the state that the script ``node.sh`` printed. Raises KeyError if a line is missing.

    Raises Unclear if a line has no number where the script prints a number.

    + output: the lines that the script printed
    """
    said = pairs(output)
    sizes = [number({"sizes": word}, "sizes") for word in said["sizes"].split()]
    return NodeState(
        provisioned=said["provisioned"] == "yes",
        live=Color(said["live"]) if said["live"] in list(Color) else None,
        release={color: said[f"{color}.release"] or None for color in Color},
        started={color: said[f"{color}.started"] or None for color in Color},
        active={color: said[f"{color}.active"] == "active" for color in Color},
        releases=tuple(said["releases"].split()),
        disk_mb=number(said, "disk_kb") // 1024,
        # btrfs and some other file systems have no inode limit and print 0 or "-"
        inodes=int(said["inodes"]) if said["inodes"].isdigit() and said["inodes"] != "0" else 10**9,
        memory_mb=number(said, "memory_kb") // 1024,
        rss_mb={color: number(said, f"{color}.rss_kb") // 1024 for color in Color},
        filesystem=said["filesystem"],
        fence=number(said, "fence"),
        release_mb=max(sizes[::2], default=0) // 1024,
        release_inodes=max(sizes[1::2], default=0),
        shrunk=frozenset(color for color in Color if said[f"{color}.shrunk"]),
        restarted=frozenset(color for color in Color if said.get(f"{color}.restarted")),
        draining=said["draining"] == "yes",
        barrier=said["barrier"],
        workers=workers.parse(said),
        schedule=schedule.parse(said),
        digests=digests(said),
        identity=identity(said),
    )


class Node(Fact[NodeState]):
    """
    Returns the state of a node: colors, releases, free disk space and free memory; None if the node did not answer.

    + root: directory of the application
    + app: name of the deployment (``Settings.name``)
    + user: deploy user, who can change the directory of the application
    + main: ``fpm`` for PHP-FPM, or the name of the service that answers all requests. The fact measures the memory of
      the systemd unit ``<name>-<color>-<main>``
    """

    @override
    def command(self, root: str, app: str, user: str, main: str = "fpm") -> StringCommand:
        return question(SCRIPT, root, app, main, user=user)

    @override
    def parse(self, output: list[str]) -> NodeState:
        return parse(output)
