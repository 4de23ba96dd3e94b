"""docs/transactions.md: each example shows the anomaly that it stands under, and the table is that of models.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checkers.transactions.models import IMPLIES, STRONGER, ruled_out
from tests.checkers.transactions.histories import Txn, check_lists, check_registers

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "transactions.md").read_text("utf-8")
LINE = re.compile(r"process (\d+), (\d+) to (\d+)?(, failed)?: (.*)")


def examples() -> Iterator[tuple[str, str]]:
    for section in re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]:
        first = re.split("[:,]", section)[0]
        for kind, block in re.findall(r"```history ?(\S*)\n(.*?)```", section, re.DOTALL):
            yield kind or first, block


def parsed(line: str) -> Txn:
    match = LINE.fullmatch(line)
    assert match is not None, line
    process, begin, end, failed, steps = match.groups()
    found = [step(*each.split(" ", 2)) for each in re.split(", ", steps)]
    return Txn(int(process), int(begin) * 10, None if end is None else int(end) * 10, found, bool(failed))


def step(f: str, key: str, what: str) -> list[Any]:
    if what.startswith("["):
        return [f, key, [int(each) for each in what.strip("[]").split()]]
    return [f, key, int(what)]


@pytest.mark.parametrize(("kind", "block"), [*examples()])
def test_example(kind: str, block: str) -> None:
    txns = [parsed(line) for line in block.strip().splitlines()]
    check = check_registers if re.search(r"\bw ", block) else check_lists
    assert kind in check(txns).details["anomalies"]


def test_every_anomaly_that_is_found_has_an_example() -> None:
    shown = {kind for kind, _ in examples()}
    by_form = {re.sub("-(process|realtime)$", "", kind) for kind in IMPLIES} - {"G1", "G2"}
    assert by_form <= shown


def test_the_table_is_what_is_forbidden() -> None:
    rows = re.findall(r"^\| ([a-z, -]+) \| (.+) \|$", TEXT.partition("## What is ruled out")[2], re.MULTILINE)
    for models, anomalies in rows:
        if models == "model":
            continue
        for model, kinds in pairs(models.split(", "), anomalies.split("; ")):
            for kind in kinds.split(", "):
                assert model in ruled_out([kind]), (model, kind)


def pairs(models: list[str], anomalies: list[str]) -> list[tuple[str, str]]:
    assert set(models) <= set(STRONGER)
    return list(zip(models, anomalies if len(anomalies) == len(models) else anomalies * len(models), strict=True))
