"""Replaced nodes: machines that are lost for good with all that their disks held, and empty ones in their place.

As somebody who operates a cluster does it: the lost node is taken out of the membership, the new one comes in, is told
everything, and votes again. What the others agreed on while it was one of them must not have needed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence
from harness.errors import BadInput
from harness.nemesis.exact import all_free, check_names, some_nodes
from harness.nemesis.fault import NoTarget, Variant, View, offered
from harness.nemesis.targets import LEADER, MINORITY, ONE, choose, majority

_WEIGHTS: Final = {ONE: 3, LEADER: 2, MINORITY: 1}


@dataclass(frozen=True)
class Replacement:
    targets: tuple[str, ...]

    def describe(self) -> Mapping[str, Any]:
        return {}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.replacements).lose(fault, self.targets)

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.replacements).replace(fault, self.targets)


@dataclass(frozen=True)
class ReplaceFault:
    name: str = "replace"
    needs: str = "replacements"
    exclusive: bool = True

    @property
    def variants(self) -> Mapping[str, Variant]:
        return {name: Variant(weight) for name, weight in _WEIGHTS.items()}

    def plan(self, variant: str, view: View, rng: Random) -> Replacement:
        targets = choose(variant, view, rng)
        if len(view.nodes) - len(targets) < majority(len(view.nodes)):
            raise NoTarget("too few would be left to take the lost ones out")
        return Replacement(targets)

    def exact(self, details: Mapping[str, Any], view: View) -> Replacement:
        """`nodes`: those that are lost, fewer than half of all."""
        check_names(details, ["nodes"], "a replace fault")
        nodes = some_nodes(details, "nodes", view)
        if len(view.nodes) - len(nodes) < majority(len(view.nodes)):
            raise BadInput("'nodes' takes fewer than half of all: nobody could take more out of the cluster")
        return Replacement(all_free(nodes, view))

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"nodes": list(value["targets"])}


FAULT: Final = ReplaceFault()
