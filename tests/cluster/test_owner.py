"""Whose cluster it is, and whether that process still lives."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.cluster.owner import alive, owner

OTHER = "import sys; from harness.cluster.owner import owner; print(owner(), flush=True); sys.stdin.read()"


def test_this_process_is_alive() -> None:
    assert alive(owner())


def test_another_process_is_alive_until_it_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        other = process.stdout.readline().decode().strip()
        assert other != owner()
        assert alive(other)
        process.kill()
    assert not alive(other)


def test_a_later_process_of_the_same_pid_is_not_the_owner() -> None:
    place, pid, start = owner().split("/")
    assert not alive(f"{place}/{pid}/{int(start) + 1}")


@pytest.mark.parametrize("written", ["", "garbage", "another-machine/1/2", "another-machine/999999999/2"])
def test_in_doubt_it_is_alive(written: str) -> None:
    assert alive(written)
