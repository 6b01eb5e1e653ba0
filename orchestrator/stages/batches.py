"""How many nodes prepare their idle color at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Batch, Stage
from orchestrator.stages.build import build
from orchestrator.stages.environment import environment
from orchestrator.stages.fetch import fetch
from orchestrator.stages.gate import gate_nodes
from orchestrator.stages.permit import permit
from orchestrator.stages.quiet import quiet
from orchestrator.stages.same import same
from orchestrator.stages.share import share
from orchestrator.stages.start import start
from orchestrator.stages.unchanged import unchanged
from orchestrator.stages.warm import warm


def prepare(i: Inputs) -> tuple[Stage, ...]:
    """Prepare batch by batch: a batch is warm and gated before the next one begins. Traffic moves after all batches."""
    parts = batches(len(i.nodes), i.settings.batches)
    stages: list[Stage] = []
    for number, part in enumerate(parts, start=1):
        of = replace(i, nodes=i.nodes[part])
        brought = (quiet(of, balancers=number == 1), fetch(of), same(replace(i, nodes=i.nodes[: part.stop])))
        built = (share(of), environment(of), *build(of), *unchanged(of), permit(of))
        made = (*brought, *built, start(of), warm(of), gate_nodes(of))
        stages += [replace(stage, batch=Batch(number, len(parts))) for stage in made]
    return tuple(stages)


def batches(nodes: int, sizes: Sequence[int | str]) -> list[slice]:
    """The nodes of each batch, as slices of the list of nodes.

    + nodes: the number of nodes
    + sizes: the number of nodes that are prepared after each batch, as a number or in per cent (rounded up)
    """

    def total(size: int | str) -> int:
        if isinstance(size, str) and size.endswith("%"):
            return min(nodes, ceil(nodes * float(size[:-1]) / 100))
        return min(nodes, int(size))

    ends = sorted({total(size) for size in sizes} - {0} | {nodes})
    return [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]
