"""`raftstorm`, as a test calls it."""

from __future__ import annotations

import pytest

from harness.cli import main


def command(*arguments: str) -> int:
    """Its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    return int(exit_.value.code or 0)
