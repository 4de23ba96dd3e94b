"""The workload in docs/workloads.md: it is whole, short, and does what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from checkers.verdict import Verdict
from tests.workloads.runs import Run

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "workloads.md"


def example() -> str:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def load() -> Any:
    names: dict[str, Any] = {}
    exec(compile(example(), str(PAGE), "exec"), names)
    return names["WORKLOAD"]


def test_it_is_about_forty_lines_long() -> None:
    assert sum(bool(line.strip()) for line in example().splitlines()) <= 42


def test_it_finds_a_good_system_valid(tmp_path: Path) -> None:
    assert set(Run(load(), tmp_path).verdicts().values()) == {Verdict.VALID}


def test_it_finds_a_bad_system_invalid(tmp_path: Path) -> None:
    assert Run(load(), tmp_path, bug="loses-writes").verdicts()["counter-bounds"] is Verdict.INVALID
