"""Hindrances: what a link does to packets, or a simulated link to messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from math import prod
from typing import Any, Final


@dataclass(frozen=True, kw_only=True)
class Hindrance:
    """Probabilities, seconds, and bytes a second. 0: nothing of the kind."""

    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    """How often a bit is flipped, which the receiver notices by a checksum."""
    slow: float = 0.0
    """How often a packet takes up to `slow_s` longer, so that later ones overtake it."""
    slow_s: float = 0.0
    delay_s: float = 0.0
    """Added to every packet's time."""
    jitter_s: float = 0.0
    """How much longer or shorter than that it may be. The order stays."""
    bytes_per_s: float = 0.0
    """What the link carries at most."""
    clogged: bool = False
    """Packets wait, and come when the fault ends."""

    def as_dict(self) -> dict[str, Any]:
        """What is there of it, by name."""
        return {name: value for name in NAMES if (value := getattr(self, name))}


NAMES: Final = tuple(field.name for field in fields(Hindrance))
FREE: Final = Hindrance()
"""Nothing is in the way."""


def together(hindrances: Iterable[Hindrance]) -> Hindrance:
    """What a link does that several faults hinder: chances as if one came after the other, times added up, the
    narrower of two widths. FREE itself where there is none."""
    listed = list(hindrances)
    if not listed:
        return FREE
    if len(listed) == 1:
        return listed[0]
    widths = [one.bytes_per_s for one in listed if one.bytes_per_s]
    return Hindrance(
        loss=_any_of(one.loss for one in listed),
        duplicate=_any_of(one.duplicate for one in listed),
        corrupt=_any_of(one.corrupt for one in listed),
        slow=_any_of(one.slow for one in listed),
        slow_s=max(one.slow_s for one in listed),
        delay_s=sum(one.delay_s for one in listed),
        jitter_s=sum(one.jitter_s for one in listed),
        bytes_per_s=min(widths, default=0.0),
        clogged=any(one.clogged for one in listed),
    )


def _any_of(chances: Iterable[float]) -> float:
    return 1.0 - prod(1.0 - chance for chance in chances)
