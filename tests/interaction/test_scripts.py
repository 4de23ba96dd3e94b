"""Conversations between nodes, as they should go. `python -m tests.interaction --rewrite` writes how they go now: read
the difference before you believe it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interaction.script import played, scripts


@pytest.mark.parametrize("script", scripts(), ids=lambda path: path.stem)
def test_the_conversation_goes_as_written(script: Path) -> None:
    text = script.read_text("utf-8")
    assert played(text).splitlines() == text.splitlines()


def test_a_conversation_that_goes_otherwise_is_noticed() -> None:
    text = "add-nodes 3\n----\nok\n\npropose n1 x\n----\nat 1/1\n"
    assert (
        played(text)
        == "add-nodes 3\n----\nok\n\npropose n1 x\n----\nrefused: not the leader; the leader is not known\n"
    )


def test_what_is_no_command_is_said_with_its_line() -> None:
    with pytest.raises(ValueError, match="line 2: there is no command vote"):
        played("# Hello.\nvote n1\n")


def test_a_script_without_answers_gets_them() -> None:
    assert played("# One.\nadd-nodes 1\n\nstatus\n").splitlines() == [
        "# One.",
        "add-nodes 1",
        "----",
        "ok",
        "",
        "status",
        "----",
        "n1: follower, term 0, vote None, leader None, last 0, commit 0, voters n1",
    ]
