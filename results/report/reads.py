"""How consistent and how stale reads were, out of what the read-consistency checker left in its details: for the page
and for the terminal. As everywhere, nothing is trusted to have the type that it should have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from checkers.verdict import Verdict
from results.report.values import listing, mapping, mappings, number, plain, whole

MARKS: Final = {"yes": "✓", "no": "✗", "unknown": "?"}
_BAR_WIDTH: Final = 58
_BAR_HEIGHT: Final = 120


@dataclass(frozen=True)
class LevelRow:
    name: str
    holds: str
    promised: bool
    how: str
    why: str
    jump: str
    """Event indexes of the operations that show why not, for links into the history."""

    @property
    def mark(self) -> str:
        return MARKS.get(self.holds, "?")


@dataclass(frozen=True)
class Bar:
    """Of a histogram: `label` under it, `count` over it."""

    x: float
    height: float
    label: str
    count: int


@dataclass(frozen=True)
class Why:
    """A sentence under a title, about the operations with the event indexes in `jump`."""

    title: str
    text: str
    jump: str


@dataclass(frozen=True)
class Mode:
    """One read mode of one workload."""

    name: str
    verdict: str
    promised: Sequence[str]
    reached: Sequence[str]
    more: bool
    levels: Sequence[LevelRow]
    reads: int | None
    stale: int | None
    milliseconds: Mapping[str, float]
    versions: Mapping[str, float]
    bars: Sequence[Bar]
    worst: Sequence[Why]

    @property
    def stale_text(self) -> str:
        return "" if self.stale is None or self.reads is None else f"{self.stale:,} of {self.reads:,}"

    @property
    def sentence(self) -> str:
        """What was reached, measured against the promise."""
        reached = ", ".join(self.reached) or "none"
        promised = ", ".join(self.promised)
        if not promised:
            return f"{reached} (nothing was promised)"
        if self.verdict == Verdict.INVALID:
            return f"{reached} (less than was promised: {promised})"
        if self.verdict == Verdict.UNKNOWN:
            return f"{reached} (whether all that was promised holds is unknown: {promised})"
        return f"{reached} (more than was promised: {promised})" if self.more else f"{reached} (as promised)"

    @property
    def width(self) -> int:
        return _BAR_WIDTH * len(self.bars)

    @property
    def whys(self) -> Sequence[Why]:
        """Why levels were not reached, the weakest that a contradiction breaks last; each contradiction once."""
        rows: dict[str, list[LevelRow]] = {}
        for level in self.levels:
            if level.why:
                rows.setdefault(level.why, []).append(level)
        return [Why(_not(levels), why, levels[0].jump) for why, levels in rows.items()]


def modes(verdict: Mapping[str, Any] | None) -> list[Mode]:
    """All modes that were graded, in the order of verdict.json."""
    return [
        _mode(plain(result.get("checker")), row)
        for result in mappings((verdict or {}).get("checkers"))
        if plain(result.get("checker")).endswith("read-consistency")
        for row in mappings(mapping(result.get("details")).get("modes"))
    ]


def _mode(checker: str, row: Mapping[str, Any]) -> Mode:
    staleness = mapping(row.get("staleness"))
    promised = _texts(row.get("promised"))
    return Mode(
        name=f"{checker.removesuffix('read-consistency')}{plain(row.get('mode') or 'no mode', 40)}",
        verdict=plain(row.get("verdict") or "", 20),
        promised=promised,
        reached=_texts(row.get("reached")),
        more=row.get("more") is True,
        levels=[_level(level, promised) for level in mappings(row.get("levels"))],
        reads=whole(staleness.get("reads")),
        stale=whole(staleness.get("stale")),
        milliseconds=_numbers(staleness.get("milliseconds")),
        versions=_numbers(staleness.get("versions")),
        bars=_bars(listing(staleness.get("histogram_ms"))),
        worst=_worst(staleness),
    )


def _texts(values: Any) -> list[str]:
    return [plain(value, 60) for value in listing(values)]


def _numbers(values: Any) -> dict[str, float]:
    return {plain(name, 20): value for name, each in mapping(values).items() if (value := number(each)) is not None}


def _level(row: Mapping[str, Any], promised: Sequence[str]) -> LevelRow:
    name = plain(row.get("level"), 60)
    return LevelRow(
        name=name,
        holds=plain(row.get("holds") or "unknown", 20),
        promised=name in promised,
        how=plain(row.get("how") or "", 400),
        why=plain(row.get("why") or "", 2000),
        jump=_jump(row),
    )


def _jump(row: Mapping[str, Any]) -> str:
    indexes = (whole(value) for value in listing(row.get("operations")))
    return ",".join(str(index) for index in indexes if index is not None)


def _worst(staleness: Mapping[str, Any]) -> list[Why]:
    """The stalest read by time, and by versions where that is another one."""
    by_time, by_versions = mapping(staleness.get("worst")), mapping(staleness.get("most_versions"))
    rows = [("Longest", by_time), *([("Most versions", by_versions)] if by_versions != by_time else [])]
    return [Why(title, plain(row.get("text"), 1000), _jump(row)) for title, row in rows if row]


def _not(levels: Sequence[LevelRow]) -> str:
    broken = all(level.holds == "no" for level in levels)
    return f"{'Not' if broken else 'Perhaps not'} {', '.join(level.name for level in levels)}"


def _bars(histogram: Sequence[Any]) -> list[Bar]:
    pairs = [(number(each[0]), whole(each[1])) for each in map(listing, histogram) if len(each) == 2]
    counts = [(end, count) for end, count in pairs if count is not None and count >= 0]
    most = max((count for _, count in counts), default=0)
    return [
        Bar(
            x=at * _BAR_WIDTH,
            height=_BAR_HEIGHT * count / most if most else 0.0,
            label="more" if end is None else _milliseconds(end),
            count=count,
        )
        for at, (end, count) in enumerate(counts)
    ]


def _milliseconds(end: float) -> str:
    return f"≤{end / 1000:g} s" if end >= 1000 else f"≤{end:g} ms"
