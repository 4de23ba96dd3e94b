"""TOML files that people write: read, with sentences for what does not fit, and with the lines where tables begin."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import BadInput


@dataclass(frozen=True)
class TomlFile:
    """`what` and `path` begin every sentence about it."""

    what: str
    path: str
    text: str
    content: dict[str, Any]

    def tables(self, name: str) -> list[dict[str, Any]]:
        """The [[name]] tables. Raises BadInput where that is something else."""
        value = self.content.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise BadInput(f"{self} does not fit: write [[{name}]], with two brackets, above each {name}.")
        return value

    def places(self, name: str) -> list[str]:
        """Where each [[name]] table stands: for sentences. A parser of TOML tells no lines. Headers are counted; where
        their number is not that of the tables (they may be written in line), no lines are told."""
        header = re.compile(rf"^[ \t]*\[\[[ \t]*{re.escape(name)}[ \t]*\]\]", re.MULTILINE)
        lines = [self.text.count("\n", 0, match.start()) + 1 for match in header.finditer(self.text)]
        count = len(self.tables(name))
        known: Sequence[int | None] = lines if len(lines) == count else [None] * count
        return [
            f"[[{name}]] {number}" + (f" (line {line})" if line else "") for number, line in enumerate(known, start=1)
        ]

    def error(self, place: str, why: str) -> BadInput:
        """For what is wrong at a place; `why` may lack its full stop."""
        return BadInput(f"{self} does not fit at {place}: {why[0].lower()}{ended(why[1:])}")

    def __str__(self) -> str:
        return f"{self.what} {self.path}"


def read_toml(what: str, path: str) -> TomlFile:
    """`what`: "The schedule". Raises BadInput."""
    try:
        text = Path(path).read_text("utf-8")
        return TomlFile(what, path, text, tomllib.loads(text))
    except OSError as error:
        raise BadInput(f"{what} {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{what} {path} is not TOML: {error}.") from error


def ended(sentence: str) -> str:
    """With a full stop, where it has no end of its own."""
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."
