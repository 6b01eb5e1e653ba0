"""Measure a release, a rollback and `status` of a fleet of fake nodes, for `make bench-scale`.

    python docker/bench_scale_one.py NODES DIRECTORY

The last line of the output is the result as JSON. The process must be new, because the largest memory is that of the
whole life of the process.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bench_common import ROOT
from bench_scale_result import Size, Used

sys.path.insert(0, str(ROOT))

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.fleet import Fleet
from orchestrator.options import Options
from tests.fakes.alike import Alike
from tests.fakes.world import connect

NEEDED = ("app", "source", "switches", "marker", "shared", "probe")
"""The settings of the fake fleet that the commands need. All other settings, such as deadlines, have their defaults."""

RELEASE = 2
"""Number of the run that is measured: the first release of a fleet has less to do than all later releases."""


def main() -> int:
    """Make two releases, a rollback and `status`, and print the measurements."""
    world = Alike(Path(sys.argv[2]) / "world", int(sys.argv[1]))
    connect(world, setattr)
    settings = load({key: value for key, value in world.settings.items() if key in NEEDED})
    used(world, settings, lambda fleet: verbs.release(fleet, Options(ref="v1")))
    commands = {
        "release": used(world, settings, lambda fleet: verbs.release(fleet, Options(ref="v2"))),
        "rollback": used(world, settings, lambda fleet: verbs.rollback(fleet, Options())),
        "status": used(world, settings, lambda fleet: verbs.VERBS["status"](fleet, Options())),
    }
    journal = world.journal(RELEASE)
    memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = Size(len(world.nodes), commands, memory, len(journal.encode()), len(journal.splitlines()))
    print(json.dumps(asdict(size)))
    return 0


def used(world: Alike, settings: Settings, verb: Callable[[Fleet], int]) -> Used:
    """Run a verb, and return what the verb has used. If the verb fails, end the process."""
    fleet = world.fleet(settings)
    fake, began, start = world.own_cpu, cpu(), time.monotonic()
    if verb(fleet):
        sys.exit(f"a command failed with {len(world.nodes)} nodes")
    seconds, spent, fake = time.monotonic() - start, cpu() - began, world.own_cpu - fake
    return Used(round(spent - fake, 4), round(fake, 4), round(seconds, 3))


def cpu() -> float:
    """Return the CPU time of this process without its child processes, in seconds."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


if __name__ == "__main__":
    sys.exit(main())
