"""Kinds of fault of which only some variants come: drawn ones, or those that a place can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from harness.nemesis.fault import FaultKind, Injection, Variant, View


@dataclass(frozen=True)
class SomeVariants:
    """A kind of fault of which only some variants come."""

    kind: FaultKind
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def needs(self) -> str:
        return self.kind.needs

    @property
    def exclusive(self) -> bool:
        return self.kind.exclusive

    @property
    def variants(self) -> Mapping[str, Variant]:
        return {name: self.kind.variants[name] for name in self.names}

    def plan(self, variant: str, view: View, rng: Random) -> Injection:
        return self.kind.plan(variant, view, rng)

    def exact(self, details: Mapping[str, Any], view: View) -> Injection:
        return self.kind.exact(details, view)

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.kind.details_of(value)


def possible(kinds: Mapping[str, FaultKind], shapes: Mapping[str, tuple[str, ...]]) -> dict[str, FaultKind]:
    """The same kinds, of those that `shapes` names only the variants that begin with one of these words."""
    return {
        name: SomeVariants(kind, tuple(each for each in kind.variants if each.startswith(shapes[name])))
        if name in shapes
        else kind
        for name, kind in kinds.items()
    }
