"""Decks: chance without bad luck.

Independent draws leave a variant out of a run surprisingly often: a variant of weight 1 in 10 is missing from every
third run of ten faults. A deck holds each variant as many times as its weight says, is dealt to the end, and only then
shuffled anew: over a run every variant comes as often as it should.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from harness.nemesis.fault import Variant


class Deck:
    def __init__(self, variants: Mapping[str, Variant], rng: Random) -> None:
        self._cards = [name for name, variant in variants.items() for _ in range(variant.weight)]
        self._rng = rng
        self._left: list[str] = []

    def deal(self) -> str:
        if not self._left:
            self._left = self._rng.sample(self._cards, len(self._cards))
        return self._left.pop()
