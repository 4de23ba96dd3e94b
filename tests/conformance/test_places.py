"""Every place, asked to do what it claims.

Containers and hosts take minutes for it: they have a command of their own, beside what tests/nemesis and tests/cluster
ask of them in every run.

    pytest -n 1 -m slow tests/conformance
"""

from __future__ import annotations

import platform
from collections.abc import Iterator

import pytest

from harness import plugins
from harness.cluster import Capabilities
from harness.experiment import CLUSTERS, SOME_VARIANTS, offered
from harness.nemesis.commands import load_kinds
from harness.nemesis.some_variants import possible
from tests.conformance import checks
from tests.conformance.sites import PLACES, Check, Site

OF_ALL: dict[str, Check] = {"starts": checks.starts}
OF: dict[str, dict[str, Check]] = {
    "network": {
        "cuts add up": checks.cuts_add_up,
        "cuts may begin at once": checks.cuts_may_begin_at_once,
        "one way is one way": checks.one_way_is_one_way,
    },
    "processes": {
        "killed servers are gone": checks.killed_servers_are_gone,
        "paused servers are silent": checks.paused_servers_are_silent,
    },
    "clocks": {"clocks add up and outlive servers": checks.clocks_add_up_and_outlive_servers},
}
"""Beside every variant of every kind of fault: by what a place must be able to do."""
MARKS = {
    "docker": [pytest.mark.docker, pytest.mark.slow],
    "ssh": [pytest.mark.docker, pytest.mark.slow],
    "local": [pytest.mark.skipif(platform.system() != "Linux", reason="local processes need Linux")],
}


def checks_of(place: str) -> dict[str, Check]:
    claimed = offered(place)
    kinds = possible(load_kinds(plugins.names("fault")), SOME_VARIANTS.get(place, {}))
    every = {f"every {name}": checks.every_variant(kind) for name, kind in kinds.items() if kind.needs in claimed}
    of_claims = {name: check for claim in claimed for name, check in OF.get(claim, {}).items()}
    return {**OF_ALL, "offers what it claims": offers(claimed), **every, **of_claims}


def offers(claimed: tuple[str, ...]) -> Check:
    """That, and nothing else."""

    async def check(site: Site) -> None:
        there = {name for name, means in vars(site.able).items() if means is not None}
        assert there == set(claimed)

    return check


def cases() -> Iterator[object]:
    for place in PLACES:
        for name, check in checks_of(place).items():
            yield pytest.param(place, check, id=f"{place}: {name}", marks=MARKS.get(place, []))


def test_places_are_those_of_the_command() -> None:
    assert set(PLACES) <= set(CLUSTERS)
    assert {claim for claims in CLUSTERS.values() for claim in claims} <= set(Capabilities.__dataclass_fields__)


@pytest.mark.parametrize(("place", "check"), list(cases()))
def test_a_place_does_what_it_claims(place: str, check: Check) -> None:
    PLACES[place](check)
