"""Which consistency models an anomaly rules out.

Three tables. STRONGER: what holds whenever a model holds. FORBIDS: the anomalies that a model forbids, beyond those
that the models below it forbid. IMPLIES: what an anomaly is also an example of. An anomaly rules out a model if it, or
anything that it implies, is forbidden by the model or by a model below it.

Sources: Adya, "Weak Consistency" (1999), for the levels PL-1 to PL-3 and what lies between; Bailis et al., "Highly
Available Transactions" (VLDB 2014); Cerone, Bernardi and Gotsman, "A Framework for Transactional Consistency Models
with Atomic Visibility" (CONCUR 2015), for the models of atomic visibility; Cerone and Gotsman, "Analysing Snapshot
Isolation" (PODC 2016), for G-nonadjacent; Daudjee and Salem (VLDB 2006) for strong session models. The strong and
strong-session forms of the two weakest levels are not in the literature: they add real-time or process order to them,
as Elle does (Kingsbury and Alvaro, VLDB 2020).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

STRONGER: Final[Mapping[str, tuple[str, ...]]] = {
    "read-uncommitted": (),
    "read-committed": ("read-uncommitted",),
    "monotonic-view": ("read-committed",),
    "monotonic-atomic-view": ("read-committed",),
    "monotonic-snapshot-read": ("read-committed",),
    "cursor-stability": ("read-committed",),
    "consistent-view": ("cursor-stability", "monotonic-view"),
    "forward-consistent-view": ("consistent-view",),
    "read-atomic": ("monotonic-atomic-view",),
    "causal": ("read-atomic",),
    "prefix": ("causal",),
    "update-atomic": ("read-atomic",),
    "parallel-snapshot-isolation": ("causal", "update-atomic"),
    "repeatable-read": ("cursor-stability", "monotonic-atomic-view"),
    "update-serializable": ("forward-consistent-view",),
    "snapshot-isolation": (
        "forward-consistent-view",
        "monotonic-atomic-view",
        "monotonic-snapshot-read",
        "parallel-snapshot-isolation",
        "prefix",
    ),
    "serializable": ("repeatable-read", "snapshot-isolation", "update-serializable"),
    "strong-session-read-uncommitted": ("read-uncommitted",),
    "strong-session-read-committed": ("read-committed", "strong-session-read-uncommitted"),
    "strong-session-snapshot-isolation": ("snapshot-isolation", "strong-session-read-committed"),
    "strong-session-serializable": ("serializable", "strong-session-snapshot-isolation"),
    "strong-read-uncommitted": ("strong-session-read-uncommitted",),
    "strong-read-committed": ("strong-session-read-committed", "strong-read-uncommitted"),
    "strong-snapshot-isolation": ("strong-session-snapshot-isolation", "strong-read-committed"),
    "strict-serializable": ("strong-session-serializable", "strong-snapshot-isolation"),
}
"""Model -> the models that it is stronger than, the nearest ones."""

ALIASES: Final[Mapping[str, str]] = {
    "PL-1": "read-uncommitted",
    "PL-2": "read-committed",
    "PL-2L": "monotonic-view",
    "PL-MSR": "monotonic-snapshot-read",
    "PL-CS": "cursor-stability",
    "PL-2+": "consistent-view",
    "PL-FCV": "forward-consistent-view",
    "PL-2.99": "repeatable-read",
    "PL-3U": "update-serializable",
    "PL-SI": "snapshot-isolation",
    "PL-3": "serializable",
    "PL-SS": "strict-serializable",
    "conflict-serializable": "serializable",
    "strong-serializable": "strict-serializable",
}

FORBIDS: Final[Mapping[str, tuple[str, ...]]] = {
    "read-uncommitted": ("G0", "duplicate-elements", "cyclic-versions", "garbage-read"),
    "read-committed": ("G1",),
    "cursor-stability": ("lost-update",),
    "consistent-view": ("G-single",),
    "read-atomic": ("internal", "future-read"),
    "update-atomic": ("lost-update",),
    "repeatable-read": ("G2-item", "lost-update"),
    "snapshot-isolation": ("G-nonadjacent",),
    "serializable": ("G2",),
    "strong-session-read-uncommitted": ("G0-process",),
    "strong-session-read-committed": ("G1c-process",),
    "strong-session-snapshot-isolation": ("G-nonadjacent-process",),
    "strong-session-serializable": ("G2-process",),
    "strong-read-uncommitted": ("G0-realtime",),
    "strong-read-committed": ("G1c-realtime",),
    "strong-snapshot-isolation": ("G-nonadjacent-realtime",),
    "strict-serializable": ("G2-realtime",),
}

_CYCLES: Final[Mapping[str, tuple[str, ...]]] = {
    "G0": ("G1c",),
    "G1c": (),
    "G-single": ("G-nonadjacent",),
    "G-nonadjacent": ("G2-item",),
    "G2-item": ("G2",),
    "G2": (),
}
PROCESS: Final = "-process"
REALTIME: Final = "-realtime"


def _implications() -> dict[str, tuple[str, ...]]:
    """A cycle without process order is trivially one with it; a process does one thing at a time, so that its order is
    real-time order as well."""
    table = {
        f"{kind}{form}": tuple(f"{each}{form}" for each in more) for form in FORMS for kind, more in _CYCLES.items()
    }
    for weaker, stronger in (("", PROCESS), (PROCESS, REALTIME)):
        for kind in _CYCLES:
            table[f"{kind}{weaker}"] += (f"{kind}{stronger}",)
    return table | _OTHERS | {"G1c": (*table["G1c"], "G1")}


FORMS: Final = ("", PROCESS, REALTIME)
_OTHERS: Final[dict[str, tuple[str, ...]]] = {
    "G1": (),
    "G1a": ("G1",),
    "G1b": ("G1",),
    "incompatible-order": ("G1a",),
    "dirty-update": ("G1a",),
    "future-read": ("G1c",),
    "lost-update": ("G2-item",),
    "internal": (),
    "duplicate-elements": (),
    "cyclic-versions": (),
    "garbage-read": (),
}
"""An incompatible order shows a version that was never installed. A future read is a circle of one transaction."""
IMPLIES: Final[Mapping[str, tuple[str, ...]]] = _implications()
"""Anomaly -> what it is also an example of."""


def canonical_model(name: str) -> str:
    """Raises ValueError for a model that is not known."""
    model = ALIASES.get(name, name)
    if model not in STRONGER:
        raise ValueError(f"{name!r} is no consistency model that is known; these are: {', '.join(sorted(STRONGER))}")
    return model


@cache
def implied(anomaly: str) -> frozenset[str]:
    """The anomaly and all that it is also an example of."""
    return frozenset(_reach([anomaly], IMPLIES))


def ruled_out(anomalies: Iterable[str]) -> set[str]:
    """All models that forbid any of the anomalies."""
    found = _reach(anomalies, IMPLIES)
    return {model for model in STRONGER if found & forbidden(model)}


@cache
def forbidden(model: str) -> frozenset[str]:
    """What a model forbids, with what the models below it forbid. What implies one of these is forbidden as well."""
    return frozenset(anomaly for each in _reach([model], STRONGER) for anomaly in FORBIDS.get(each, ()))


def strongest(models: Iterable[str]) -> set[str]:
    """Those that no other of them is stronger than."""
    kept = set(models)
    return kept - {weaker for model in kept for weaker in _reach(STRONGER[model], STRONGER)}


def weakest(models: Iterable[str]) -> set[str]:
    """Those that are stronger than no other of them."""
    kept = set(models)
    return {model for model in kept if not kept & _reach(STRONGER[model], STRONGER)}


def not_ruled_out(anomalies: Iterable[str]) -> set[str]:
    """The strongest models that the anomalies leave."""
    return strongest(set(STRONGER) - ruled_out(anomalies))


def _reach(begin: Iterable[str], table: Mapping[str, tuple[str, ...]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(begin)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += table[name]
    return seen
