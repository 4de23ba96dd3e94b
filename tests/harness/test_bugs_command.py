"""`raftstorm bugs`: what is listed, and what is told of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.experiment import Experiment, build
from harness.systems.raft import SYSTEM

OWN = """
from dataclasses import dataclass

@dataclass
class Bug:
    description: str

BUGS = {"own": Bug("a mistake of its own")}
"""


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as exit_:
        main(["bugs", *arguments])
    assert int(exit_.value.code or 0) == code
    out, err = capsys.readouterr()
    return err if code else out


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(said(capsys, *arguments, "--json").splitlines()[-1])


def test_all_bugs_are_listed_by_group(capsys: pytest.CaptureFixture[str]) -> None:
    listed = said(capsys)
    places = [listed.index(f"\n{name} ") for name in SYSTEM.bugs({})]
    assert places == sorted(places)
    assert f"{len(places)} bugs" in listed
    assert [bug["name"] for bug in told(capsys)] == list(SYSTEM.bugs({}))
    assert {bug["group"] for bug in told(capsys, "--group", "reads")} == {"reads"}


def test_one_bug_is_told_with_the_run_that_ought_to_find_it(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "wall-clock-lease")
    assert "raftstorm run --bug wall-clock-lease --nemesis clock,partition --read-mode lease" in text
    assert "dissertation, section 6.4.1" in text
    assert said(capsys, "show", "wall-clock-lease") == text
    assert told(capsys, "wall-clock-lease")["group"] == "reads"
    assert "raftstorm run --cluster sim --bug cut-at-every-append" in said(capsys, "cut-at-every-append")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["wall-clock-leese"], "no bug named 'wall-clock-leese': did you mean 'wall-clock-lease'?"),
        (["--group", "red"], "no group named 'red': did you mean 'reads'?"),
        (["--system", "chubby"], "no system named 'chubby'"),
        (["--node-source", "nowhere"], "nowhere does not hold a node's sources"),
    ],
)
def test_bad_input(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sentence in said(capsys, *arguments, code=3)


def test_the_bugs_of_a_changed_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "__main__.py").touch()
    (tmp_path / "bugs.py").write_text(OWN)
    assert "a mistake of its own" in said(capsys, "--node-source", str(tmp_path))
    assert "raftstorm run --bug own" in said(capsys, "--node-source", str(tmp_path), "own")


def test_where_a_bug_is_looked_for_is_a_run_that_can_be_made() -> None:
    for bug in SYSTEM.bugs({}).values():
        assert isinstance(build({}, {**bug.found_by, "bug": bug.name}), Experiment)
