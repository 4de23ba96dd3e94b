"""Histories that others recorded, with the verdicts that others gave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checkers.checker import Budget, Recording
from checkers.formats import read_jepsen_edn, read_jepsen_log
from checkers.history import History
from checkers.linearizability import Linearizability
from checkers.linearizability.refute import core_flaw
from checkers.linearizability.validate import flaw
from checkers.per_key import by_key

FOLDER = Path(__file__).parents[4] / "shared" / "histories"
INITIAL: dict[str, Any] = {"porcupine-etcd": None, "porcupine-kv": "", "knossos": 0}


def cases() -> Iterator[Any]:
    if not FOLDER.is_dir():
        yield pytest.param(None, None, marks=pytest.mark.skip(reason="no recorded histories in ../shared/histories"))
        return
    for kind in INITIAL:
        for row in (FOLDER / kind / "verdicts.tsv").read_text().splitlines():
            name, *_, verdict = row.split("\t")
            yield pytest.param(FOLDER / kind / name, verdict, id=f"{kind}/{name}")


def load(path: Path) -> History:
    if path.suffix == ".log":
        return read_jepsen_log(path.read_bytes())
    return read_jepsen_edn(path.read_bytes(), nil_reads_say_nothing=path.parent.name == "knossos")


@pytest.mark.parametrize(("path", "verdict"), list(cases()))
def test_recorded(path: Path, verdict: str) -> None:
    history, initial = load(path), INITIAL[path.parent.name]
    result = Linearizability(initial=initial).check(Recording(history), Budget())
    assert result.verdict == verdict
    assert all(anomaly.details["minimal"] and anomaly.text for anomaly in result.anomalies)
    keys = by_key(history.operations)
    for key, witness in result.witnesses.items():
        assert flaw(keys[key], witness, initial) is None
    for anomaly in result.anomalies:
        assert core_flaw(keys[anomaly.key], anomaly.operations, initial) is None
    assert {*result.witnesses, *(anomaly.key for anomaly in result.anomalies)} == {*keys}
