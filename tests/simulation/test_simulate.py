"""Whole runs in virtual time: valid ones, bugs that are found, liveness, and the same thing every time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkers.events import NEMESIS, EventType
from checkers.history import decode
from checkers.verdict import Result, Verdict
from harness.cluster.simulation.machine import _CARRY_OUT, Machine
from harness.cluster.simulation.simulate import Simulated, simulate
from harness.experiment import build
from harness.exploring.trial import judge_simulated
from harness.judging import simulation_result
from node_image.bugs import BUGS
from node_image.driver.effects import Reply, Send
from node_image.raft.messages import AppendEntries, Heartbeat, InstallSnapshot

ROOT = Path(__file__).parents[2]
FEW = {"cluster": "sim", "time-limit": 15.0, "rate": 60.0}


@cache
def simulated(seed: int, bug: str | None = None) -> Simulated:
    return simulate(build(FEW | {"seed": seed, "bug": bug}))


def judged(outcome: Simulated) -> list[Result]:
    return judge_simulated(outcome, decode(b"".join(outcome.history)))


def found(outcome: Simulated) -> dict[str, str]:
    """By which checker, and its first finding."""
    return {result.checker: result.anomalies[0].text for result in judged(outcome) if result.verdict is Verdict.INVALID}


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_node_without_a_bug_keeps_its_promises(seed: int) -> None:
    outcome = simulated(seed)
    assert found(outcome) == {}
    assert outcome.findings == []
    history = decode(b"".join(outcome.history))
    assert sum(operation.outcome is EventType.OK for operation in history.operations) > 100
    assert [phase["name"] for phase in outcome.phases] == [
        "waiting for a leader",
        "main",
        "healing",
        "final reads",
        "peace",
    ]
    assert outcome.end == outcome.phases[-1]["end"]


def test_these_runs_have_all_kinds_of_fault() -> None:
    """One of them alone has only those that it drew."""
    struck: set[str] = set()
    for seed in range(1, 13):
        kinds = {
            event.f
            for event in decode(b"".join(simulated(seed).history)).events
            if event.process == NEMESIS and event.type is EventType.OK and event.f != "heal"
        }
        assert kinds <= set(simulated(seed).experiment.nemesis)
        struck |= kinds
    assert struck == set(build(FEW).nemesis)


@pytest.mark.parametrize(
    ("bug", "first", "checker", "words"),
    [
        ("forget-vote", 1, "simulation", "election safety: .* has forgotten its vote"),
        ("short-majority", 1, "simulation", "election|leader completeness|state machine safety"),
        ("ignore-client-index", 1, "follower-reads: sequential-by-index", "after it had already seen log index"),
        ("lead-without-quorum", 20, "simulation", "without a quorum"),
    ],
)
def test_a_bug_is_found(bug: str, first: int, checker: str, words: str) -> None:
    assert bug in BUGS
    for seed in range(first, first + 19):
        told = found(simulated(seed, bug))
        if checker in told:
            assert re.search(words, told[checker])
            return
    raise AssertionError(f"{bug} was not found")


def test_a_broken_property_ends_the_run_at_once() -> None:
    outcome = next(simulated(seed, "forget-vote") for seed in range(1, 20) if simulated(seed, "forget-vote").findings)
    assert [finding.kind for finding in outcome.findings] == ["safety"]
    assert outcome.end < FEW["time-limit"] * 1e9  # type: ignore[operator]
    assert abs(outcome.end - outcome.findings[0].time) < 1e9


Refuses = Callable[[Machine, Any], bool]


def refuse(monkeypatch: pytest.MonkeyPatch, effect: type, refuses: Refuses) -> None:
    """Machines leave such effects undone where `refuses(machine, effect)`: a mistake of which nobody else knows."""
    act = _CARRY_OUT[effect]

    def picky(machine: Machine, node: Any, wanted: Any) -> None:
        if not refuses(machine, wanted):
            act(machine, node, wanted)

    monkeypatch.setitem(_CARRY_OUT, effect, picky)


def liveness(seed: int = 3) -> list[str]:
    """What is found in a run without faults."""
    outcome = simulate(build(FEW | {"seed": seed, "time-limit": 2.0, "nemesis": "none"}))
    assert all(finding.kind == "liveness" for finding in outcome.findings)
    told = simulation_result({"findings": msgspec.to_builtins(outcome.findings), "steps": outcome.steps})
    assert (told.verdict is Verdict.INVALID) == bool(outcome.findings)
    assert told.operations == outcome.steps > 0
    return [finding.text for finding in outcome.findings]


def test_nobody_is_elected(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, Send, lambda machine, effect: True)
    soon, late = liveness()
    assert soon.startswith("nobody has been elected for ")
    assert late.startswith("No leader was elected within 20 s: n1 is ")


def test_a_node_that_does_not_catch_up(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, Send, lambda machine, effect: effect.peer == "n5")
    (text,) = liveness()
    assert text == "not every node has caught up with what is committed, long after all faults ended"


def test_final_reads_that_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, Reply, lambda machine, effect: "value" in effect.response)
    (text,) = liveness()
    assert text == "no final read was answered, with all faults lifted and a leader elected"


def test_terms_that_change_in_peace(monkeypatch: pytest.MonkeyPatch) -> None:
    peaceful = simulate(build(FEW | {"seed": 3, "time-limit": 2.0, "nemesis": "none"}))
    assert peaceful.findings == []
    begins = peaceful.phases[-1]["begin"]
    from_leaders = (AppendEntries, Heartbeat, InstallSnapshot)
    refuse(
        monkeypatch,
        Send,
        lambda machine, effect: machine._world.now() >= begins and isinstance(effect.message, from_leaders),
    )
    (text,) = liveness()
    assert text.startswith("terms go on changing without any fault: {'n1': ")


@pytest.mark.parametrize("workload", ["lock", "unique-ids", "leases"])
def test_a_workload_without_final_reads_is_not_blamed_for_it(workload: str) -> None:
    options = {"seed": 1, "workload": workload, "time-limit": 2.0, "nemesis": "none"}
    assert simulate(build(FEW | options)).findings == []


# The same every time

DIGEST = """
from harness.cluster.simulation.simulate import simulate
from harness.experiment import build
for seed in range(2):
    print(simulate(build({"cluster": "sim", "time-limit": 10.0, "rate": 60.0, "seed": seed})).digest)
"""


def digests(python: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [python, "-c", DIGEST],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return done.stdout.split()


@cache
def own_digests() -> list[str]:
    return [simulate(build(FEW | {"time-limit": 10.0, "seed": seed})).digest for seed in range(2)]


def test_the_seed_decides_everything() -> None:
    first = own_digests()
    assert own_digests.__wrapped__() == first
    assert first[0] != first[1]


def test_the_same_in_other_processes_that_hash_otherwise() -> None:
    first = own_digests()
    for seed in ("1", "2"):
        assert digests(sys.executable, PYTHONHASHSEED=seed) == first


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_same_under_another_python(version: str) -> None:
    """RAFTSTORM_PYTHONS: folders of interpreters that have what raftstorm needs, separated as in PATH."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        pytest.skip("it is this one")
    places = os.pathsep.join([os.environ.get("RAFTSTORM_PYTHONS", ""), os.environ.get("PATH", "")])
    python = shutil.which(f"python{version}", path=places)
    if python is None:
        pytest.skip(f"there is no python{version}")
    needs = subprocess.run([python, "-c", "import click, msgpack, msgspec, numpy, rich"], capture_output=True)
    if needs.returncode:
        pytest.skip(f"python{version} has not what raftstorm needs")
    assert digests(python) == own_digests()


def test_other_options_are_another_run() -> None:
    """The digest is of what happens, not of the seed."""
    assert simulate(build(FEW | {"time-limit": 10.0, "seed": 0, "rate": 61.0})).digest != own_digests()[0]
