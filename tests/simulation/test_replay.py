"""`raftstorm run --cluster sim`, `raftstorm schedule` and the schedule played again: the same faults at the same
moments; and what a folder of a simulated run holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from checkers.events import NEMESIS, Event, EventType
from harness import plugins
from harness.nemesis.exact import WAITING
from results.store import find
from tests.command import command

NS = 1_000_000_000
RESULTS = Path("results/runs")


pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def run(name: str, *options: str) -> dict[str, Any]:
    """Its run.json. Valid or not: of so few operations not every checker can say something."""
    assert command("run", "--cluster", "sim", "--rate", "50", "--name", name, *options) in (0, 1, 2)
    return dict(find(RESULTS, name).run())


class Struck(NamedTuple):
    kind: str
    targets: tuple[str, ...]
    details: dict[str, Any]
    at: int
    """When it was in force, and its end was asked for (ns of the main phase)."""
    until: int


def strikes(name: str) -> list[Struck]:
    """The faults that took effect, by when they were in force."""
    folder = find(RESULTS, name)
    main_phase = next(phase for phase in folder.run()["phases"] if phase["name"] == "main")
    begun: dict[str, Event] = {}
    ended: dict[str, int] = {}
    for event in folder.history().events:
        if event.process != NEMESIS or event.fault is None:
            continue
        action = event.value["action"]
        if action == "begin" and event.type is EventType.OK:
            begun[event.fault] = event
        elif action == "end" and event.type is EventType.INVOKE:
            ended.setdefault(event.fault, event.time)
    began = main_phase["begin"]
    return [
        Struck(event.f, tuple(event.value["targets"]), details(event), event.time - began, ended[fault] - began)
        for fault, event in begun.items()
    ]


def details(event: Event) -> dict[str, Any]:
    """What of it must be the same when it is played again."""
    kind = plugins.load("fault", event.f)
    return dict(kind.details_of(event.value))


@pytest.mark.parametrize("seed", ["3", "5"])
def test_faults_strike_at_the_same_times_and_targets(seed: str) -> None:
    kinds = "partition,kill,pause,clock,packets,power,disk"
    options = ("--seed", seed, "--time-limit", "12")
    first = run("first", *options, "--nemesis", kinds, "--nemesis-interval", "1")
    assert command("schedule", "first", "--out", "s.toml") == 0
    head = Path("s.toml").read_text().splitlines()[1]
    again = head.removeprefix("# raftstorm run ").split()
    assert again[:4] == ["--schedule", "s.toml", "--cluster", "sim"]
    assert command("run", *again, "--name", "second") in (0, 1, 2)
    second = find(RESULTS, "second").run()
    assert second["simulation"]["drawn"] == first["simulation"]["drawn"]
    assert second["phases"][0] == first["phases"][0]
    one, other = strikes("first"), strikes("second")
    assert len(one) > 20
    assert {strike.kind for strike in one} == set(kinds.split(","))
    assert [strike[:3] for strike in other] == [strike[:3] for strike in one]
    for strike, again in zip(one, other, strict=True):
        # Power that fails after so many effects: clients do other things, so effects come at other times.
        assert again.at == strike.at or (WAITING & strike.details.keys() and abs(again.at - strike.at) < 0.5 * NS)
        # What is kept going ends between two of its steps; and what was over at once lasts a nanosecond in a script.
        assert abs(again.until - strike.until) <= max(1, strike.details.get("period_s", 0) * NS)
    assert (find(RESULTS, "second").path / "schedule.toml").exists()


def test_the_same_seed_fills_the_same_folder() -> None:
    options = ("--seed", "4", "--time-limit", "5")
    first, second = run("first", *options), run("second", *options)
    assert first["simulation"]["digest"] == second["simulation"]["digest"]
    for file in ("history.jsonl", "status.jsonl", "messages.jsonl", "nodes/n1/trace.jsonl", "nodes/n3/node.log"):
        assert (RESULTS / "first" / file).read_bytes() == (RESULTS / "second" / file).read_bytes()


def test_what_the_folder_tells_of_a_simulated_run() -> None:
    stored = run("one", "--seed", "4", "--time-limit", "5")
    assert stored["engine"] == "simulation"
    simulation = stored["simulation"]
    assert set(simulation) == {"asked", "digest", "drawn", "findings", "messages", "steps"}
    assert set(simulation["asked"]["nemesis"]) >= set(stored["options"]["nemesis"])
    assert simulation["asked"]["swarm"]
    assert stored["options"]["swarm"]
    lines = [json.loads(line) for line in (RESULTS / "one" / "messages.jsonl").read_text().splitlines()]
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    sends = {line["message"]: line for line in lines if line["event"] == "send"}
    assert len(sends) == simulation["messages"]
    arrived = [line for line in lines if line["event"] == "deliver"]
    assert arrived
    for line in arrived:
        sent = sends[line["message"]]
        assert (sent["node"], sent["peer"]) == (line["peer"], line["node"])
        assert sent["time"] <= line["time"]
    assert {line["node"] for line in lines if line["event"] == "start"} == {"n1", "n2", "n3", "n4", "n5"}
    assert (RESULTS / "one" / "report.html").exists()


def test_a_finding_of_the_simulator_makes_the_run_invalid(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "--cluster", "sim", "--seed", "1", "--bug", "forget-vote", "--rate", "50", "--json") == 1
    verdict = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert verdict["verdict"] == "invalid"
    assert [anomaly["text"] for anomaly in verdict["anomalies"] if anomaly["checker"] == "simulation"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--cluster", "sin"], "There is no cluster named 'sin': did you mean 'sim'?"),
        (
            ["--cluster", "sim", "--keep"],
            "--keep says something about nodes that are processes: --cluster sim has none.",
        ),
        (["--cluster", "sim", "--image", "x"], "--image says something about containers: --cluster sim has none."),
        (["--cluster", "sim", "--node-source", "."], "--node-source says something about nodes that are processes"),
        (
            ["--cluster", "sim", "--tcpdump"],
            "--cluster sim cannot do --tcpdump, which keeps what nodes send: give --clust",
        ),
        (["--cluster", "sim", "--system", "etcd"], "Only the bundled node can be simulated"),
        (["--swarm"], "--swarm is for simulated runs: give --cluster sim too."),
        (["--cluster", "sim", "--nemesis", "packet"], "There is no fault named 'packet': did you mean 'packets'?"),
        (["--cluster", "sim", "--bug", "no-such-bug"], "no-such-bug"),
    ],
)
def test_what_does_not_fit_is_told_in_one_sentence(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("run", *options) == 3
    said = capsys.readouterr().err.strip()
    assert sentence in said
    assert len(said.splitlines()) == 1
    assert not Path("results").exists()
