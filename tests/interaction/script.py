"""Scripts: text that is read by people, with commands in it.

    # What this is about.
    add-nodes 3
    ----
    ok

    timeout n1
    ----
      n1 is pre-candidate in term 0

A command is a line; under `----` stands what came of it, up to the next empty line. Everything else is for people."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.interaction.conversation import COMMANDS, Conversation

FOLDER: Final = Path(__file__).parent
RULE: Final = "----"


def scripts() -> list[Path]:
    return sorted(FOLDER.glob("*.txt"))


def played(text: str) -> str:
    """The script with what comes of its commands now. Raises ValueError, with the line, for one that is no script."""
    conversation = Conversation()
    made: list[str] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        made.append(line)
        at += 1
        if not line or line.startswith("#"):
            continue
        if line.split()[0] not in COMMANDS:
            raise ValueError(f"line {at}: there is no command {line.split()[0]}")
        made += [RULE, *conversation.run(line).splitlines()]
        if at < len(lines) and lines[at] == RULE:
            while at < len(lines) and lines[at]:
                at += 1
    return "\n".join(made)
