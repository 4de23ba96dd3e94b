"""The control line of a node that is a folder on this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from harness.cluster.local.marks import marked
from harness.control.local import LocalControl
from harness.errors import ControlError

CONTROL = LocalControl("n1", {"RAFTSTORM_RUN": "/nowhere/of/the/test", "RAFTSTORM_NODE": "n1"})


def test_commands() -> None:
    async def commands() -> None:
        assert await CONTROL.run("echo out; echo err >&2; exit 3") == (3, "out\n", "err\n")
        assert (await CONTROL.run("tr a-z A-Z", input=b"given")).stdout == "GIVEN"
        assert (await CONTROL.run("true", input=b"not read" * 100_000)).exit_code == 0
        assert (await CONTROL.run("echo $RAFTSTORM_NODE")).stdout == "n1\n"

    asyncio.run(commands())


def test_a_command_that_does_not_end_is_told_and_leaves_nothing() -> None:
    async def hangs() -> None:
        with pytest.raises(
            ControlError, match=r"Node n1 could not be controlled: `sleep 60.*` did not end within 0.2 s"
        ):
            await CONTROL.run("sleep 60 & sleep 60", timeout_s=0.2)

    asyncio.run(hangs())
    assert list(marked("/nowhere/of/the/test")) == []


def test_files(tmp_path: Path) -> None:
    async def files() -> None:
        path = str(tmp_path / "file")
        await CONTROL.write_file(path, b"content", mode=0o600)
        assert await CONTROL.read_file(path) == b"content"
        with pytest.raises(ControlError, match=r"could not read .*/none: No such file"):
            await CONTROL.read_file(str(tmp_path / "none"))
        with pytest.raises(ControlError, match="could not write"):
            await CONTROL.write_file(str(tmp_path / "none" / "file"), b"")

    asyncio.run(files())
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("file", 0o600)]
