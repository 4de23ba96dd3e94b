"""The store: made, found, listed, and read in every state that a killed run can leave."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from results.errors import StoreError
from results.store import RunFolder, create, find, list_runs, write_atomically

LINE = b'{"index":0,"time":1,"process":0,"type":"invoke","f":"read","key":"x","value":null}\n'


def test_a_run_is_found_by_name_by_folder_and_as_latest(tmp_path: Path) -> None:
    made = create(tmp_path, "one")
    made.save_run({"seed": 7})
    for way in ("one", str(made.path), "latest"):
        assert find(tmp_path, way).run() == {"seed": 7}
    assert [folder.name for folder in list_runs(tmp_path)] == ["one"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "latest", "-x", "x" * 81])
def test_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="cannot be a run's name"):
        create(tmp_path, name)


def test_a_name_in_use(tmp_path: Path) -> None:
    create(tmp_path, "one")
    with pytest.raises(StoreError, match="already in"):
        create(tmp_path, "one")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        create(tmp_path / "file" / "runs", "one")


def test_a_results_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="it is a file"):
        create(tmp_path / "file", "one")


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"run\.json cannot be written"):
        RunFolder(tmp_path / "gone").save_run({})


def test_runs_whose_empty_folders_were_lost_on_the_way_are_listed(tmp_path: Path) -> None:
    folder = create(tmp_path, "one")
    folder.save_run({})
    (folder.path / "nodes").rmdir()
    assert [run.name for run in list_runs(tmp_path)] == ["one"]


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    create(tmp_path, "one").save_run({})
    with pytest.raises(StoreError, match="the newest there is 'one'"):
        find(tmp_path, "two")


def test_a_killed_run_has_its_history_and_no_verdict(tmp_path: Path) -> None:
    folder = create(tmp_path, "killed")
    folder.history_path.write_bytes(LINE + LINE[:20])
    history = folder.history()
    assert (len(history.operations), history.cut, folder.verdict()) == (1, True, None)


def test_cut_lines_of_traces_are_left_out(tmp_path: Path) -> None:
    folder = create(tmp_path, "killed")
    folder.node_folder("n1").mkdir()
    (folder.node_folder("n1") / "trace.jsonl").write_bytes(b'{"term":1}\n{"te')
    assert folder.traces() == {"n1": [{"term": 1}]}


def test_run_json_of_something_else(tmp_path: Path) -> None:
    folder = create(tmp_path, "odd")
    (folder.path / "run.json").write_text("[]")
    with pytest.raises(StoreError, match="not what raftstorm wrote"):
        folder.run()


def test_a_run_that_recorded_nothing_leaves_its_name_free(tmp_path: Path) -> None:
    create(tmp_path, "one").discard_if_empty()
    kept = create(tmp_path, "one")
    kept.history_path.write_bytes(LINE)
    kept.discard_if_empty()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["latest", "one"]


def test_a_link_stays_one_and_what_it_names_is_written(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_what_is_no_regular_file_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(pipe, b"through")
    assert os.read(reading, 100) == b"through"
    os.close(reading)
    assert pipe.is_fifo()
