"""What a fault is, to the nemesis: a kind with variants, a plan, and an injection that can be undone.

A kind (`partition`, `kill`, ...) is found by the entry point group `raftstorm.faults`; an object that satisfies
`FaultKind`. It is pure: `plan` looks at a `View` of the cluster, draws from the random stream that it is handed, and
answers with an `Injection`, which says what it will hit before anything is hit. `exact` makes an injection of what
somebody wrote down, and `details_of` writes down what an injection was, so that a run can be replayed. Only an
injection touches nodes, and only through the capabilities of the cluster, so that the same faults work on containers,
on machines over SSH and in a simulation.

An injection lives once: begin, then perhaps sustain beside everything else, then end until the evidence says that it
is lifted. `end` may be called after a `begin` that failed half way, and more than once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from harness.cluster import Capabilities, Evidence
from harness.world import Future, World


class NoTarget(Exception):
    """There is nothing to hit just now; `str(error)` says what is missing. The fault is drawn again."""


@dataclass(frozen=True)
class View:
    """What is known of the cluster when a fault is planned."""

    nodes: tuple[str, ...]
    leader: str | None = None
    """The node that leads in the highest term, as last seen; None if unknown, or if it is busy."""
    busy: frozenset[str] = frozenset()
    """Nodes that are held by an exclusive fault (killed or paused): their process cannot be hit again."""

    @property
    def free(self) -> tuple[str, ...]:
        return tuple(name for name in self.nodes if name not in self.busy)


class Variant(NamedTuple):
    """One way in which a kind of fault strikes."""

    weight: int
    """How many cards of a deck show it (harness.nemesis.deck)."""
    brief: bool = False
    """It takes the quorum away, so a schedule keeps it short: a cluster that stands still shows nothing new."""
    long: bool = False
    """It takes its time, so a schedule never keeps it short."""
    simulated: bool = True
    """Whether it is in the deck of simulated runs too."""


SINGLE: Final = ("one", "leader", "node", "link")
"""A variant's name ends with its target, and with one of these it hits one node or link."""


def hits_one(variant: str) -> bool:
    return variant.rpartition("-")[2] in SINGLE


Place = TypeVar("Place")


def offered(place: Place | None) -> Place:
    """A field of `Capabilities` that a kind `needs`."""
    assert place is not None, "kinds are checked against the capabilities before a run"
    return place


class Injection(Protocol):
    """One fault, planned: what it hits, and how."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The nodes that are hit."""

    def describe(self) -> Mapping[str, Any]:
        """JSON values for the event, beside targets: groups of a partition, seconds of a jump."""

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        """Raises ControlError."""

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        """Lifts what `begin` and `sustain` did, and nothing else. Raises ControlError."""


class SustainedInjection(Injection, Protocol):
    """An injection that must be kept going while it is in force."""

    async def sustain(self, fault: str, capabilities: Capabilities, world: World, stop: Future[None]) -> None:
        """Runs beside everything else until soon after `stop` is done. Raises ControlError."""


class FaultKind(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def needs(self) -> str:
        """The field of `Capabilities` that it works through."""

    @property
    def exclusive(self) -> bool:
        """Whether its targets are busy while it is in force."""

    @property
    def variants(self) -> Mapping[str, Variant]: ...

    def plan(self, variant: str, view: View, rng: Random) -> Injection:
        """Raises NoTarget."""

    def exact(self, details: Mapping[str, Any], view: View) -> Injection:
        """The injection with just these details, which are this kind's own: TOML values, as people write them
        (harness.nemesis.exact reads the usual ones). Raises BadInput, with a sentence that says which detail is wrong
        and has no full stop, and NoTarget while a node that it needs is busy."""

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """The details for `exact` that make an injection again: from the value of its begin event, which holds
        `targets` and what `describe` said."""
