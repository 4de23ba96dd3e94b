"""A schedule that does not fit is told of before anything is started; a run is written as one that does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.experiment import build, script_of
from harness.script import ScriptedFault
from tests.command import command

SECOND = 1_000_000_000
RUN = {
    "options": {"workload": ["register"], "nodes": 3, "time-limit": 20.0, "bug": "ack-before-sync", "keep": True},
    "phases": [{"name": "main", "begin": 2 * SECOND, "end": 22 * SECOND}],
}
PAUSE = {"action": "begin", "kind": "pause", "variant": "leader", "targets": ["n2"]}
EVENTS: list[dict[str, Any]] = [
    {"time": 2.5, "process": 0, "type": "invoke", "f": "cas", "key": "r0", "value": [None, 1]},
    {"time": 2.7, "process": 0, "type": "ok", "f": "cas", "key": "r0", "value": [None, 1]},
    {"time": 3, "process": "nemesis", "type": "invoke", "f": "pause", "fault": "f1", "value": PAUSE},
    {"time": 3.25, "process": "nemesis", "type": "ok", "f": "pause", "fault": "f1", "value": PAUSE},
    {
        "time": 5,
        "process": "nemesis",
        "type": "invoke",
        "f": "pause",
        "fault": "f1",
        "value": PAUSE | {"action": "end"},
    },
    {"time": 6, "process": 13, "type": "invoke", "f": "read", "key": "r0", "value": None, "read": "lease"},
    {"time": 23, "process": 1, "type": "invoke", "f": "read", "key": "r0", "value": None, "read": "lease"},
]


pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def record(run: dict[str, Any], events: list[dict[str, Any]]) -> None:
    folder = Path("results/runs/made")
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(run))
    lines = [json.dumps(event | {"index": at, "time": int(event["time"] * SECOND)}) for at, event in enumerate(events)]
    (folder / "history.jsonl").write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ('kind = "kill"\nnodes = ["n6"]', [], "at [[fault]] 1 (line 1): there is no node 'n6'"),
        ('kind = "kill"\nnodes = ["n5"]', ["--nodes", "3"], "there is no node 'n5': there are n1, n2, n3."),
        ('kind = "kill"\nvariant = "all"', ["--time-limit", "2"], "it ends at 3 s, and the main phase at 2 s"),
        (
            'kind = "kill"\nvariant = "all"\n[[operation]]\nat = 1\nprocess = 0\nf = "read"\nkey = "f0"',
            ["--workload", "register"],
            "at [[operation]] 1 (line 6): no workload of this run has operations on the key 'f0'.",
        ),
    ],
)
def test_a_schedule_that_does_not_fit(
    text: str, options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("s.toml").write_text(f"[[fault]]\nat = 1\nfor = 2\n{text}\n")
    Path("e.toml").write_text('schedule = "s.toml"\n')
    for arguments in (["--schedule", "s.toml"], ["e.toml"]):
        assert command("run", *arguments, *options) == 3
        said = capsys.readouterr().err.strip()
        assert sentence in said
        assert len(said.splitlines()) == 1
    assert not Path("results").exists()


def test_the_faults_asked_for_are_those_of_the_schedule() -> None:
    Path("s.toml").write_text('[[fault]]\nat = 1\nfor = 2\nkind = "kill"\nvariant = "all"\n')
    assert build({"schedule": "s.toml", "nemesis": "clock,pause"}).nemesis == ("kill",)


def test_a_run_becomes_a_schedule_that_fits() -> None:
    record(RUN, EVENTS)
    assert command("schedule", "made", "--operations", "--out", "s.toml") == 0
    text = Path("s.toml").read_text().splitlines()
    options = "--workload register --nodes 3 --time-limit 20.0 --bug ack-before-sync"
    assert text[:2] == ["# The run made. It is played again by:", f"# raftstorm run --schedule s.toml {options}"]
    script = script_of(build({"schedule": "s.toml", "workload": "register", "nodes": 3, "time-limit": 20.0}))
    assert script is not None
    assert script.faults == (ScriptedFault(1.25, 3.0, "pause", exact={"nodes": ["n2"]}),)
    operations = [(operation.process, operation.f, operation.value, operation.read) for operation in script.operations]
    assert operations == [(0, "cas", [None, 1], None), (13, "read", None, "lease")]
    assert [operation.time for operation in script.operations] == [SECOND // 2, 4 * SECOND]


def test_operations_are_written_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    record(RUN, EVENTS)
    assert command("schedule", "made") == 0
    written = capsys.readouterr().out
    assert "[[fault]]  # f1 leader" in written
    assert "[[operation]]" not in written


def test_a_run_that_was_killed_began_with_its_first_operation(capsys: pytest.CaptureFixture[str]) -> None:
    record({"options": RUN["options"]}, EVENTS)
    assert command("schedule", "made") == 0
    assert "at = 0.75\nuntil = 2.5\n" in capsys.readouterr().out


def test_a_run_without_faults_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    record(RUN, EVENTS[:2])
    assert command("schedule", "made") == 3
    assert "No fault took effect in made: there is nothing to write" in capsys.readouterr().err


def test_the_example_of_the_documentation_fits() -> None:
    text = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
    Path("s.toml").write_text(text.split("```toml\n")[1].split("```")[0])
    script = script_of(build({"schedule": "s.toml"}))
    assert script is not None
    assert script.kinds == ("clock", "kill", "partition")
    assert len(script.operations) == 3
