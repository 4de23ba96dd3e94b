"""docs/checking.md: its files, commands and outputs are as the page shows them.

RAFTSTORM_WRITE_DOCS=1 .venv/bin/pytest tests/test_docs_checking.py     writes the outputs and the models anew
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from checkers.formats import READERS
from checkers.library import MODELS
from harness.cli import main

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "checking.md"
BLOCK = re.compile(
    r"^```(?P<kind>\w+) (?P<what>file|exit|quiet)=(?P<name>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
WRITE = "RAFTSTORM_WRITE_DOCS" in os.environ
MODEL_ROWS = re.compile(r"(?<=\|---\|---\|---\|---\|\n).*?(?=\n\n)", re.DOTALL)


def ran(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Its exit code, and what it printed to stdout."""
    program, *arguments = shlex.split(command)
    if program == "python":
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
        )
        return ended.returncode, ended.stdout
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    return int(exit_.value.code or 0), capsys.readouterr().out


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def replayed(block: re.Match[str]) -> str:
        if block["what"] == "file":
            Path(block["name"]).write_text(block["text"])
            return block[0]
        command = block["text"].split("\n", 1)[0].removeprefix("$ ")
        code, out = ran(command, capsys)
        assert code == int(block["name"]), command
        if block["what"] == "quiet":
            return block[0]
        out = "\n".join(line.rstrip() for line in out.rstrip().split("\n"))
        return f"```{block['kind']} exit={code}\n$ {command}\n{out}\n```"

    page = PAGE.read_text()
    found = BLOCK.sub(replayed, page)
    if WRITE:
        PAGE.write_text(found)
    else:
        assert found == page, "what is printed has changed; see above for the command that writes the page anew"


def test_models_are_as_the_page_has_them() -> None:
    rows = MODEL_ROWS.search(PAGE.read_text())
    assert rows is not None
    cells = [row.strip("| ").split(" | ") for row in rows[0].split("\n")]
    told = {name: functions for name, _, functions, _ in cells}
    assert told == {name: ", ".join(model.functions) for name, model in MODELS.items()}


def test_formats_are_all_there() -> None:
    assert all(f"| {name} |" in PAGE.read_text() for name in READERS)
