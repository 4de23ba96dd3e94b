"""Connections that are reset: what is planned. What it does to nodes, tests/conformance asks of each place."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from harness.cluster import Link
from harness.errors import BadInput
from harness.nemesis.fault import NoTarget, View
from harness.nemesis.reset import EVERY_S, FAULT, Resetting

NODES = ("n1", "n2", "n3")
VIEW = View(NODES, leader="n2")
LINKS = {"everywhere": 6, "node": 4, "link": 1}


@pytest.mark.parametrize("variant", sorted(FAULT.variants))
def test_where_and_how_often(variant: str) -> None:
    for seed in range(30):
        injection = FAULT.plan(variant, VIEW, Random(seed))
        assert len(injection.links) == LINKS[variant]
        assert EVERY_S[0] <= injection.every_s <= EVERY_S[1]
        assert set(injection.targets) <= set(NODES)


def test_one_node_has_no_connections() -> None:
    with pytest.raises(NoTarget):
        FAULT.plan("node", View(("n1",)), Random(1))


def test_exact() -> None:
    injection = FAULT.exact({"links": [["n1", "n2"]], "every_s": 0.5}, VIEW)
    assert injection == Resetting(frozenset({Link("n1", "n2")}), 0.5)
    value = {"targets": list(injection.targets), **injection.describe()}
    assert FAULT.exact(FAULT.details_of(value), VIEW) == injection


@pytest.mark.parametrize(
    ("details", "sentence"),
    [
        ({"links": [["n1", "n2"]], "every_s": 0}, "every_s"),
        ({"links": [["n1", "n9"]], "every_s": 1}, "n9"),
        ({"link": [["n1", "n2"]], "every_s": 1}, "did you mean 'links'"),
    ],
)
def test_what_cannot_be(details: Mapping[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        FAULT.exact(details, VIEW)
