"""Divide the nodes into batches. The idle color of one batch is prepared before work on the next batch begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Batch, Stage
from orchestrator.stages.build import build
from orchestrator.stages.configure import configure
from orchestrator.stages.environment import environment
from orchestrator.stages.expand import expand
from orchestrator.stages.fetch import fetch
from orchestrator.stages.gate import gate_nodes
from orchestrator.stages.permit import permit
from orchestrator.stages.quiet import quiet
from orchestrator.stages.same import same
from orchestrator.stages.share import share
from orchestrator.stages.start import start
from orchestrator.stages.unchanged import unchanged
from orchestrator.stages.warm import warm
from orchestrator.stages.workers import quiet_workers


def prepare(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages that prepare the idle color, batch by batch.

    The nodes of a batch are warmed and must pass the gate before the next batch begins. Traffic moves only after the
    last batch.
    """
    parts = batches(len(i.nodes), i.settings.batches)
    stages: list[Stage] = []
    for number, part in enumerate(parts, start=1):
        of = replace(i, nodes=i.nodes[part])
        brought = (quiet(of, balancers=number == 1), fetch(of), same(replace(i, nodes=i.nodes[: part.stop])))
        built = (share(of), environment(of), *build(of), *unchanged(of), permit(of), *build(of, "web"))
        in_batch = Batch(number, len(parts))
        stages += [replace(stage, batch=in_batch) for stage in (*brought, *built, configure(of))]
        # the schema changes only once, before any process of the new release starts; `gate live` then checks all nodes
        stages += expand(i) if number == 1 else ()
        stages += [
            replace(stage, batch=in_batch) for stage in (*quiet_workers(of), start(of), warm(of), gate_nodes(of))
        ]
    return tuple(stages)


def batches(nodes: int, sizes: Sequence[int | str]) -> list[slice]:
    """Return the nodes of each batch, as slices of the list of nodes.

    + nodes: the number of nodes
    + sizes: for each batch, how many nodes are prepared in total at the end of the batch. Each size is a number of
      nodes, or a percentage of all nodes such as ``25%`` (rounded up). If nodes remain after the last size, they form
      another batch
    """

    def total(size: int | str) -> int:
        if isinstance(size, str) and size.endswith("%"):
            return min(nodes, ceil(nodes * float(size[:-1]) / 100))
        return min(nodes, int(size))

    ends = sorted({total(size) for size in sizes} - {0} | {nodes})
    return [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]
