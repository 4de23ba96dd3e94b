"""What an algorithm answers about one register."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from checkers.linearizability.actions import Action


@dataclass(frozen=True)
class Linearizable:
    """`witness`: actions in an order that explains everything: all certain ones, and of the uncertain ones those
    that happened."""

    witness: Sequence[Action]


@dataclass(frozen=True)
class Contradiction:
    """`actions` contradict each other, even if all other actions are weakened (see shrink.py): where shrinking
    starts, not where it ends."""

    actions: Sequence[Action]


Outcome: TypeAlias = Linearizable | Contradiction
