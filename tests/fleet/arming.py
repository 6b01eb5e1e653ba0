"""A deploy file: all nodes swap at one instant, by operations and facts alone. What it saw is JSON on stdout.

``--data color=green``; ``--data window=0.5``; ``--data freeze='<command>'`` runs here once all are armed.
"""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import gevent
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import ctx_host, ctx_state
from pyinfra.operations import python

from orchestrator.config import load
from orchestrator.facts.clock import Clock, common, compare, fire_time, measure
from orchestrator.facts.fired import Fired, judge, spread
from orchestrator.facts.node import Node
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.operations.arm import arm
from orchestrator.scripts.guarded import Guard

LEAD = 3.0


def drive(state: State, host: Host, color: str, window: float, freeze: str) -> None:
    state.current_deploy_filename = __file__
    fleet = Fleet(state, load(host.data.get("settings")))
    layout, names = fleet.settings.node, fleet.nodes

    def ask(act: Any, deadline: float = 10.0) -> dict[str, Any]:
        return {reply.name: reply.value for reply in fleet.each(names, act, deadline)}

    states = ask(lambda host: fleet.look(host, Node, root=layout.root, app=layout.name, user=fleet.settings.user))
    run = max(state.fence for state in states.values()) + 1
    clocks = ask(lambda host: measure(lambda: fleet.look(host, Clock)))
    ahead = common(clocks)
    guard = Guard(f"{layout.library}/guard", layout.guard_dir, run, 5)
    at = fire_time(time.time() + ahead, LEAD, len(names))
    began = time.monotonic()
    armed = fleet.each(
        names,
        lambda host: fleet.operate(
            host, arm, root=layout.root, color=color, at=at, window=window, run=run, guard=guard
        ),
        10.0,
    )
    arming = time.monotonic() - began
    if freeze:
        subprocess.run(["sh", "-c", freeze], check=True)
    gevent.sleep(max(0.0, at - ahead - time.time()) + window + 0.2)
    swaps = ask(lambda host: fleet.look(host, Fired, root=layout.root, run=run), 3.0)
    print(
        json.dumps(
            {
                "errors": [reply.error for reply in armed if reply.error],
                "clocks": compare(clocks, 0.1),
                "uncertainty": max(clock.uncertainty for clock in clocks.values()),
                "arming": arming,
                "problem": judge(swaps, Color(color)),
                "spread": spread(swaps),
                "late": max((swap.instant - at) * 1000 for swap in swaps.values() if swap),
                "outcomes": {name: swap.outcome if swap else None for name, swap in swaps.items()},
                "run": run,
            }
        )
    )


_hosts = list(ctx_state.get().inventory)
if ctx_host.get() is _hosts[0]:
    _data = ctx_state.get().inventory.override_data
    python.call(
        name="swap all links at one instant",
        function=drive,
        color=_data["color"],
        window=float(_data.get("window", 0.5)),
        freeze=str(_data.get("freeze", "")),
    )
