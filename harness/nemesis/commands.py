"""Commands: what the nemesis is told. They come through a queue, which a schedule, a script or a person fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import plugins
from harness.cluster import Capabilities
from harness.errors import BadInput
from harness.nemesis.fault import FaultKind, View


@dataclass(frozen=True)
class Begin:
    """Begins a fault. `fault` is its id, chosen by whoever fills the queue, and ends it later. `variant` None: any.

    Where it finds no target or does not take hold, it is drawn again, under the ids `f3.2`, `f3.3`, ...: with any
    variant of its kind, or with the same one if `insist` (a person wants what they asked for)."""

    fault: str
    kind: str
    variant: str | None = None
    insist: bool = False
    exact: Mapping[str, Any] | None = None
    """Instead of a variant: the kind's own details of what to hit, and nothing else (FaultKind.exact)."""


@dataclass(frozen=True)
class End:
    """Ends a fault, or the attempts to begin it. Ending it twice is no error."""

    fault: str


@dataclass(frozen=True)
class HealAll:
    """Ends all faults, as far as it works. `Nemesis.heal_all` does the same, and tells what came of it."""


@dataclass(frozen=True)
class Stop:
    """The nemesis takes no more commands. What is in force stays so: heal first."""


Command = Begin | End | HealAll | Stop


def load_kinds(names: Sequence[str]) -> dict[str, FaultKind]:
    """Kinds of fault by their names. Raises BadInput with the nearest name."""
    return {name: plugins.load("fault", name) for name in names}


def check_kinds(kinds: Mapping[str, FaultKind], capabilities: Capabilities) -> None:
    """Raises BadInput for a kind that this cluster cannot do."""
    for kind in kinds.values():
        if getattr(capabilities, kind.needs, None) is None:
            raise BadInput(f"This cluster cannot do {kind.name} faults: it offers no control over its {kind.needs}.")


def check_command(command: Command, kinds: Mapping[str, FaultKind], nodes: Sequence[str] = ()) -> None:
    """Raises BadInput with the nearest name for a kind or variant that is not there, and for exact details that make no
    sense. `nodes`: all there are."""
    if not isinstance(command, Begin):
        return
    if command.kind not in kinds:
        raise plugins.unknown("fault", command.kind, list(kinds))
    if command.exact is not None:
        kinds[command.kind].exact(command.exact, View(tuple(nodes)))
        return
    variants = kinds[command.kind].variants
    if command.variant is not None and command.variant not in variants:
        raise plugins.unknown(f"variant of {command.kind}", command.variant, list(variants))
