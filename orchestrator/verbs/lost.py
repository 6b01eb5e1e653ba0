"""When a run is undone, bar the nodes that no longer answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from orchestrator.fleet import Fleet
from orchestrator.plan.inputs import Inputs, Missing
from orchestrator.report.terminal import say
from orchestrator.run.walk import Result, Walk
from orchestrator.stages.bar import bar


def bar_lost_nodes(fleet: Fleet, walk: Walk, i: Inputs, left: Iterable[Result]) -> bool:
    """Bar the nodes that did not answer during the undo. The nodes get no traffic until `join` brings them back.

    A node that is no longer in the inventory cannot be barred. In this case, only print the name of the node. If no
    other node of the run answers either, bar no node: otherwise no node would be left for the users' requests. Return
    False in this case, and True in all other cases.

    + walk: the object that performed the stages of the run. This object also performs the barring, and records the
      results.
    + i: the Inputs of the run
    + left: the results of the failed steps of the undo
    """
    lost = sorted({result.place.name for result in left if result.lost and result.place.kind == "node"})
    known = [name for name in lost if fleet.has(name)]
    gone = [name for name in lost if name not in known]
    if gone:
        say(f"{', '.join(gone)}: no longer in the inventory, so there is nothing to bar", fg="yellow")
    if not known:
        return True
    # a join changes only a node that gets no traffic before its end, and all other nodes serve
    silent = {*lost, *(i.workers.unreached if i.workers else ())}
    others = [node.name for node in i.nodes if fleet.has(node.name) and node.name not in silent]
    if i.verb != "join" and not others:
        say(
            f"{', '.join(known)}: not undone, but not barred, because no node of the run answers: run the same command "
            "again when the nodes answer",
            fg="yellow",
        )
        return False
    missing = tuple(Missing(name, fleet.address(name), barred=False) for name in known)
    walk.besides(replace(bar(replace(i, missing=missing)), label="lost"))
    say(
        f"{', '.join(known)}: not undone, and barred until you run deploys/join.py --data node=NAME for each node",
        fg="yellow",
    )
    return True
