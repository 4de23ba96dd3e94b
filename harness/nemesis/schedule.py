"""Schedules: what the nemesis does in a run, drawn from the seed before the run begins.

A quiet beginning, so that there is something to lose; then each kind of fault on a track of its own, so that faults of
different kinds overlap; and everything ended before the quiet end. Variants are dealt from decks, so that a run gets
its share of each. What a fault hits is decided when it begins, because who leads is not known before.

**Coincidences.** Some bugs need two faults within a fraction of a second, and tracks that know nothing of each other
meet such a moment about once in a hundred faults. So most of the partitions that isolate the leader pull the nearest
fault of another kind to about their own beginning, and make a companion of it:

- A clock fault turns back the leader's clock, just before the cut, and outlasts an election. A lease on the wall clock
  then goes on when it should have ended; it is only seen to be wrong between the election of the next leader and the
  moment at which the old one notices that it hears nobody, a few tenths of a second.
- A pause stops the leader while the others elect a new one, and ends before the partition does. The old leader wakes
  up not knowing that time has passed, and nobody can tell it: for a moment it may still answer.
- A change of the membership makes the leader hand over, a few milliseconds before the cut: the next one is elected
  without its hearing of it. A lease that it should have given up is then seen.

The number of faults stays as it was.

**Swizzled.** The other shape of a schedule (after Jepsen's "swizzle-clog", and FoundationDB's before it): every fault
hits one node or link, and they come in groups, begun one after another in one order and lifted in another. Between the
first and the last the cluster goes through states that no single fault makes, and it leaves them by another way.

**Many kinds.** More than a few kinds come less often each, so that all of them together are no more: a cluster that is
never whole shows little but that it stands still.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from typing import Final

from harness.nemesis.commands import Begin, Command, End
from harness.nemesis.deck import Deck
from harness.nemesis.fault import FaultKind, Variant, hits_one

QUIET_BEGINNING_S: Final = 5.0
QUIET_END_S: Final = 3.0
QUIET_SHARE: Final = 0.1
"""Of a short run, at each end."""
BRIEF: Final = (0.15, 0.35)
SHORT: Final = (0.2, 0.5)
LONG: Final = (0.5, 1.2)
"""Durations, in intervals. Most faults are short, so that the cluster comes to itself between them and clients get on
with what can go wrong; brief variants are shorter still."""
LONG_SHARE: Final = 0.2

RANDOM: Final = "random"
SWIZZLED: Final = "swizzled"
SHAPES: Final = (RANDOM, SWIZZLED)
GROUP: Final = (2, 4)
"""How many faults a group of a swizzled schedule has."""
STAGGER: Final = (0.05, 0.15)
"""From one beginning, or end, of a group to the next, in intervals."""
INTERVAL_S: Final = 5.0
FEW_KINDS: Final = 4

CUT: Final = ("partition", "isolate-leader")
COINCIDENCE_SHARE: Final = 0.85


@dataclass(frozen=True)
class Timed:
    """A command, and when (seconds of run time since the main phase began)."""

    at_s: float
    command: Command


@dataclass(frozen=True)
class Slot:
    """One fault of a schedule: begin and end in seconds."""

    begin_s: float
    end_s: float
    kind: str
    variant: str


@dataclass(frozen=True)
class Companion:
    """What goes with a partition that isolates the leader."""

    kind: str
    variants: tuple[str, ...]
    lag_s: tuple[float, float]
    """From the partition's beginning to its own."""
    lasts_s: tuple[float, float] | None = None
    """None: as long as it would have lasted anyway."""
    outlasted_s: tuple[float, float] | None = None
    """How much longer than it the partition lasts, at least. None: the partition ends when it would have."""


COMPANIONS: Final = (
    # Longer than an election, even where the machine is so busy that it takes two seconds until a cut is whole.
    Companion("clock", ("jump-back-leader", "strobe-leader"), lag_s=(-1.0, -0.3), lasts_s=(4.0, 6.0)),
    # Whoever hands over is cut off before it can hear of the election: what it still believes of itself shows.
    Companion("membership", ("hand-over",), lag_s=(-0.03, -0.003)),
    # Longer than an election too; and then longer than it takes a leader to notice that it hears nobody.
    Companion("pause", ("leader",), lag_s=(0.02, 0.3), lasts_s=(1.3, 2.2), outlasted_s=(0.8, 1.6)),
)


@dataclass(frozen=True)
class Window:
    """The part of a run in which there may be faults."""

    begin_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        return self.end_s - self.begin_s


def window(time_limit_s: float) -> Window:
    return Window(
        min(QUIET_BEGINNING_S, QUIET_SHARE * time_limit_s),
        time_limit_s - min(QUIET_END_S, QUIET_SHARE * time_limit_s),
    )


def draw_schedule(
    rng: Random,
    kinds: Mapping[str, FaultKind],
    *,
    time_limit_s: float,
    interval_s: float = INTERVAL_S,
    shape: str = RANDOM,
) -> list[Timed]:
    """The commands of a run in the order of their times. `interval_s`: mean seconds between the beginnings of two
    faults (or groups) of one kind. Every kind comes at least once, and every fault is ended."""
    open_s = window(time_limit_s)
    draw = _swizzled if shape == SWIZZLED else _track
    tracks = {name: draw(rng, kinds[name], open_s, interval_s) for name in sorted(kinds)}
    if shape == RANDOM:
        tracks = _coincide(rng, tracks, open_s)
    slots = sorted((slot for track in tracks.values() for slot in track), key=_slot_order)
    return sorted(_commands(slots), key=lambda timed: timed.at_s)


def crowded(interval_s: float, kinds: int) -> float:
    """The interval at which so many kinds together make no more faults than a few at this one."""
    return interval_s * max(1.0, kinds / FEW_KINDS)


def turned(commands: Iterable[Timed], others: Iterable[Timed], at_s: float, mark: str) -> list[Timed]:
    """Until `at_s` the one schedule, from then on the other: of each, the faults that begin in its part, to their ends.
    `mark` is put behind the names of the other's."""
    first, second = list(commands), [_renamed(timed, mark) for timed in others]
    begun = {
        timed.command.fault
        for timeds, late in ((first, False), (second, True))
        for timed in timeds
        if isinstance(timed.command, Begin) and (timed.at_s >= at_s) is late
    }
    kept = [
        timed for timed in (*first, *second) if isinstance(timed.command, Begin | End) and timed.command.fault in begun
    ]
    return sorted(kept, key=lambda timed: timed.at_s)


def _renamed(timed: Timed, mark: str) -> Timed:
    assert isinstance(timed.command, Begin | End)
    return replace(timed, command=replace(timed.command, fault=f"{timed.command.fault}{mark}"))


def _slot_order(slot: Slot) -> tuple[float, str]:
    return slot.begin_s, slot.kind


def _commands(slots: Iterable[Slot]) -> Iterable[Timed]:
    for number, slot in enumerate(slots, start=1):
        yield Timed(slot.begin_s, Begin(f"f{number}", slot.kind, slot.variant))
        yield Timed(slot.end_s, End(f"f{number}"))


def _track(rng: Random, kind: FaultKind, open_s: Window, interval_s: float) -> list[Slot]:
    """The faults of one kind. The first begins early, so that even a short run has one."""
    deck = Deck(kind.variants, rng)
    slots: list[Slot] = []
    at_s = open_s.begin_s + rng.uniform(0.0, min(interval_s, open_s.seconds) / 2)
    last_s = open_s.end_s - min(BRIEF[1] * interval_s, open_s.seconds / 2)
    while at_s <= last_s:
        variant = deck.deal()
        end_s = at_s + interval_s * _duration(rng, kind.variants[variant])
        slots.append(Slot(at_s, min(end_s, open_s.end_s), kind.name, variant))
        at_s += interval_s * rng.uniform(0.5, 1.5)
    return slots


def _swizzled(rng: Random, kind: FaultKind, open_s: Window, interval_s: float) -> list[Slot]:
    """The faults of one kind, in groups. A kind that cannot hit a single node or link comes as it always does."""
    single = {name: variant for name, variant in kind.variants.items() if hits_one(name)}
    if not single:
        return _track(rng, kind, open_s, interval_s)
    deck = Deck(single, rng)
    slots: list[Slot] = []
    at_s = open_s.begin_s + rng.uniform(0.0, min(interval_s, open_s.seconds) / 2)
    last_s = open_s.end_s - min(interval_s, open_s.seconds / 2)
    while at_s <= last_s:
        group = _group(rng, kind.name, [deck.deal() for _ in range(rng.randint(*GROUP))], at_s, interval_s)
        slots += [
            replace(slot, begin_s=min(slot.begin_s, open_s.end_s), end_s=min(slot.end_s, open_s.end_s))
            for slot in group
        ]
        at_s = max(slot.end_s for slot in group) + interval_s * rng.uniform(0.2, 0.8)
    return slots


def _group(rng: Random, kind: str, variants: Sequence[str], at_s: float, interval_s: float) -> list[Slot]:
    """Faults that begin one after another, and end one after another in another order."""
    begins_s = _staggered(rng, at_s, len(variants), interval_s)
    ends_s = _staggered(rng, begins_s[-1] + interval_s * rng.uniform(*SHORT), len(variants), interval_s)
    order = rng.sample(range(len(variants)), len(variants))
    if order == sorted(order):
        order.reverse()
    return [Slot(begins_s[place], ends_s[order[place]], kind, variant) for place, variant in enumerate(variants)]


def _staggered(rng: Random, at_s: float, count: int, interval_s: float) -> list[float]:
    """So many times from this one on."""
    return list(accumulate((interval_s * rng.uniform(*STAGGER) for _ in range(count - 1)), initial=at_s))


def _duration(rng: Random, variant: Variant) -> float:
    """In intervals."""
    if variant.brief:
        return rng.uniform(*BRIEF)
    return rng.uniform(*(LONG if variant.long or rng.random() < LONG_SHARE else SHORT))


def _coincide(rng: Random, tracks: Mapping[str, list[Slot]], open_s: Window) -> dict[str, list[Slot]]:
    """The tracks, with companions pulled to partitions that isolate the leader."""
    left = {companion.kind: list(tracks.get(companion.kind, ())) for companion in COMPANIONS}
    done: dict[str, list[Slot]] = {name: [] if name in left else list(track) for name, track in tracks.items()}
    for number, cut in enumerate(done.get(CUT[0], ())):
        offered = [companion for companion in COMPANIONS if left[companion.kind]]
        if cut.variant == CUT[1] and offered and rng.random() < COINCIDENCE_SHARE:
            companion = rng.choice(offered)
            slots = left[companion.kind]
            slot = slots.pop(_nearest(slots, cut.begin_s))
            pulled, outlasting = _pull(rng, companion, slot, cut, open_s)
            done[companion.kind].append(pulled)
            done[CUT[0]][number] = outlasting
    return {name: track + left.get(name, []) for name, track in done.items()}


def _nearest(slots: Sequence[Slot], at_s: float) -> int:
    """The index of the slot that begins nearest. `slots` are sorted and not empty."""
    right = bisect_left([slot.begin_s for slot in slots], at_s)
    around = [index for index in (right - 1, right) if 0 <= index < len(slots)]
    return min(around, key=lambda index: abs(slots[index].begin_s - at_s))


def _pull(rng: Random, companion: Companion, slot: Slot, cut: Slot, open_s: Window) -> tuple[Slot, Slot]:
    """The slot as the cut's companion, and the cut, which may have to last longer."""
    begin_s = min(max(cut.begin_s + rng.uniform(*companion.lag_s), open_s.begin_s), open_s.end_s)
    lasts_s = rng.uniform(*companion.lasts_s) if companion.lasts_s else slot.end_s - slot.begin_s
    end_s = min(begin_s + lasts_s, open_s.end_s)
    until_s = end_s + rng.uniform(*companion.outlasted_s) if companion.outlasted_s else cut.end_s
    pulled = replace(slot, begin_s=begin_s, end_s=end_s, variant=rng.choice(companion.variants))
    return pulled, replace(cut, end_s=min(max(cut.end_s, until_s), open_s.end_s))
