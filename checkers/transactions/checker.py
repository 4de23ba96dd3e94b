"""The checkers: list-append and rw-register against a promised consistency model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import msgspec
import numpy as np

from checkers.checker import Budget, Recording
from checkers.transactions import (
    list_edges,
    list_findings,
    register_edges,
    register_findings,
)
from checkers.transactions.cycles import Circles, find
from checkers.transactions.explain import Because, explain
from checkers.transactions.findings import Finding
from checkers.transactions.graph import Edges
from checkers.transactions.lists import Lists
from checkers.transactions.models import canonical_model, not_ruled_out, ruled_out, weakest
from checkers.transactions.registers import Registers
from checkers.transactions.table import FAIL, INFO, OK, Table, Writers, tabulate
from checkers.verdict import Result, Verdict

Versions: TypeAlias = Lists | Registers


@dataclass(frozen=True)
class ListAppend:
    """Transactions of `["append", key, element]` and `["r", key, null]`, every element of a key different.

    `promised`: the consistency model that must hold (models.py lists them). Anomalies that do not rule it out are in
    the result's details, under `beside`."""

    promised: str = "strict-serializable"
    name: str = "list-append"

    def check(self, recording: Recording, budget: Budget) -> Result:
        """Raises NotOfModel for other operations, ValueError for a model that is not known."""
        promised = canonical_model(self.promised)
        table = tabulate(recording.history.operations, "append")
        lists = Lists(table)
        if (reason := _written_twice(table, lists.writers, "appended")) is not None:
            return _unknown(self.name, table, promised, reason)
        budget.spend()
        findings = list_findings.find(lists)
        budget.spend()
        edges = Edges(table.size)
        list_edges.add_edges(edges, lists)
        circles = find(edges, table, lists.happened, budget)
        orders = ["every read shows the order of the elements before it"]
        return _result(self.name, promised, lists, findings, circles, partial(list_edges.because, lists), orders)


@dataclass(frozen=True)
class RwRegister:
    """Transactions of `["w", key, value]` and `["r", key, null]`, every value of a key different and none null.

    `sequential_keys`, `linearizable_keys`: whether the order of versions may also be inferred from process order and
    from real time. None: where the promised model keeps them (registers.py says why that is sound)."""

    promised: str = "strict-serializable"
    sequential_keys: bool | None = None
    linearizable_keys: bool | None = None
    name: str = "rw-register"

    def check(self, recording: Recording, budget: Budget) -> Result:
        """Raises NotOfModel for other operations, ValueError for a model that is not known."""
        promised = canonical_model(self.promised)
        table = tabulate(recording.history.operations, "w")
        registers = Registers(table)
        reason = _written_twice(table, registers.writers, "written")
        if registers.null_written is not None:
            reason = "null is written, which cannot be told from the initial state"
        if reason is not None:
            return _unknown(self.name, table, promised, reason)
        budget.spend()
        by_process = _or(self.sequential_keys, promised.startswith("strong") or promised == "strict-serializable")
        by_realtime = _or(self.linearizable_keys, promised in ("strong-snapshot-isolation", "strict-serializable"))
        findings = register_findings.find(registers)
        budget.spend()
        edges = Edges(table.size)
        register_edges.add_edges(edges, registers, by_process=by_process, by_realtime=by_realtime)
        circles = find(edges, table, registers.happened, budget)
        orders = ["initial state", "writes follow reads"]
        orders += ["process order (sequential keys assumed)"] * by_process
        orders += ["real time (linearizable keys assumed)"] * by_realtime
        because = partial(register_edges.because, registers)
        return _result(self.name, promised, registers, findings, circles, because, orders)


def _or(asked: bool | None, default: bool) -> bool:
    return default if asked is None else asked


def _written_twice(table: Table, writers: Writers, verb: str) -> str | None:
    if writers.twice is None:
        return None
    _, key, value = table.steps[writers.twice[0]]
    first, second = (table.operations[table.txn[step]].invoked for step in writers.twice)
    shown = msgspec.json.encode([key, value]).decode()[:100]
    return f"[key, value] {shown} is {verb} twice (events {first} and {second}), so that reads do not show by whom"


def _unknown(name: str, table: Table, promised: str, reason: str) -> Result:
    return Result(
        checker=name,
        verdict=Verdict.UNKNOWN,
        reason=reason,
        operations=table.size,
        details={"promised": promised, "promise": _promise(promised)},
    )


def _promise(model: str) -> str:
    return f"Transactions are {model}." if model.endswith("serializable") else f"Transactions keep {model}."


def _result(
    name: str,
    promised: str,
    versions: Versions,
    findings: Sequence[Finding],
    circles: Circles,
    because: Because,
    orders: Sequence[str],
) -> Result:
    counts = {found.kind: found.count for found in findings} | circles.count
    told = [anomaly for found in findings for anomaly in found.told]
    told += [explain(each, versions.table, because) for group in circles.told.values() for each in group]
    broken = [anomaly for anomaly in told if promised in ruled_out([anomaly.kind])]
    beside = [anomaly for anomaly in told if promised not in ruled_out([anomaly.kind])]
    unsure = sorted(kind for kind in circles.unsure if promised in ruled_out([kind]))
    verdict = Verdict.INVALID if broken else Verdict.UNKNOWN if unsure else Verdict.VALID
    return Result(
        checker=name,
        verdict=verdict,
        anomalies=broken,
        reason=_gave_up(unsure) if verdict is Verdict.UNKNOWN else None,
        algorithm="dependency graph",
        operations=versions.table.size,
        details={
            "promised": promised,
            "promise": _promise(promised),
            "anomalies": counts,
            "ruled_out": sorted(ruled_out(counts)),
            "weakest_ruled_out": sorted(weakest(ruled_out(counts))),
            "strongest_not_ruled_out": sorted(not_ruled_out(counts)),
            "orders_of_versions": list(orders),
            "transactions": _outcomes(versions.table),
            "unknown_that_happened": int((versions.happened & (versions.table.outcome == INFO)).sum()),
            "beside": [msgspec.to_builtins(anomaly) for anomaly in beside],
        },
    )


def _outcomes(table: Table) -> dict[str, int]:
    counts = np.bincount(table.outcome, minlength=INFO + 1).tolist()
    return {"ok": counts[OK], "fail": counts[FAIL], "info": counts[INFO]}


def _gave_up(kinds: Sequence[str]) -> str:
    return f"the search for {', '.join(kinds)} was given up before it had tried everything"
