"""Folders of local runs: one name, one run; and what a dead harness left is told from what is in use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cluster import cleanup
from harness.cluster.local import folders
from harness.cluster.local.marks import NODE, RUN, Marked, look, marked
from harness.errors import CannotRun

DEAD = "nowhere/0/0"
WAITS = [sys.executable, "-S", "-c", "import signal; print('ready', flush=True); signal.pause()"]


@pytest.fixture(autouse=True)
def own_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "base", lambda: tmp_path / "all")
    monkeypatch.setattr(folders, "alive", lambda owner: owner != DEAD)


def left_behind(name: str, *, keep: bool = False) -> Path:
    """The folder of a run whose harness is gone."""
    folder = folders.claim(name, keep=keep)
    (folder / "owner").write_text(DEAD)
    return folder


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """One that belongs to node n1 of the run "crashed"."""
    environment = {**os.environ, RUN: str(folders.base() / "crashed"), NODE: "n1"}
    with subprocess.Popen(WAITS, env=environment, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        yield started
        started.kill()


def test_a_name_is_taken_once() -> None:
    folder = folders.claim("same", keep=False)
    with pytest.raises(CannotRun, match="a cluster of a run named 'same' already"):
        folders.claim("same", keep=False)
    assert folders.claim("a/b c", keep=False) == folder.with_name("a-b-c")
    folders.remove(folder)
    assert folders.claim("same", keep=False) == folder


def test_what_a_dead_harness_left_goes_and_what_is_in_use_stays() -> None:
    crashed, kept, used = left_behind("crashed"), left_behind("kept", keep=True), folders.claim("used", keep=False)
    assert folders.crashed() == [crashed]
    assert folders.remove_all(folders.crashed()) == ["crashed"]
    assert not crashed.exists()
    assert folders.abandoned() == [kept]
    assert folders.in_use() == [used]


@pytest.mark.parametrize(("force", "gone", "in_use"), [(False, ["kept"], ["used"]), (True, ["kept", "used"], [])])
def test_clean_without_an_engine(
    monkeypatch: pytest.MonkeyPatch, force: bool, gone: list[str], in_use: list[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    left_behind("kept", keep=True)
    folders.claim("used", keep=False)
    cleaned = cleanup.clean(force=force)
    assert (cleaned.local, cleaned.in_use) == (gone, in_use)
    assert "/nonexistent/docker.sock" in cleaned.engine
    with pytest.raises(CannotRun, match="No Docker engine"):
        cleanup.clean(images=True)


def test_processes_of_the_run_end_with_it_and_no_others(process: subprocess.Popen[str]) -> None:
    crashed, other = left_behind("crashed"), left_behind("crashed-too")
    assert list(marked(str(crashed))) == [Marked(process.pid, "n1")]
    assert list(marked(str(other))) == []
    assert folders.remove(other) == []
    assert process.poll() is None
    assert folders.remove(crashed) == [process.pid]
    assert process.wait() == -9
    assert look(process.pid, str(crashed)) is None


def test_a_folder_that_is_somebody_elses_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folders.base().symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotRun, match="No folder can be made"):
        folders.claim("mine", keep=False)
    assert folders.abandoned() == []
