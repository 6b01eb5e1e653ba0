"""The handler of the action `same`, which checks that a release has the same files on all nodes."""

from __future__ import annotations

from dataclasses import replace

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.facts.tree import Tree
from orchestrator.gates import same
from orchestrator.plan.steps import Step
from orchestrator.run.handler import Handler
from orchestrator.run.walk import Result
from orchestrator.stages.same import Same


class SameHandler(Handler[Same]):
    """Compares the release's files on all nodes, by a hash that each node recorded when the files arrived.

    ``at_host`` returns the hash of one node. ``together`` compares the hashes of all nodes.
    """

    @override
    def at_host(self, host: Host, step: Step[Same], undoing: bool) -> str:
        release = step.action.release
        tree: str = self.fleet.look(host, Tree, root=self.settings.node.root, release=release)
        return tree

    @override
    def together(self, results: tuple[Result, ...]) -> tuple[Result, ...]:
        differ = same.judge({result.place.name: result.detail for result in results if not result.error})
        return tuple(
            replace(result, error=result.error or differ.get(result.place.name), detail=f"tree {result.detail[:12]}")
            for result in results
        )
