"""What the doctor finds, with parts of the machine taken away."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import doctor
from harness.doctor import examine
from harness.errors import CannotRun


def found(results: Path) -> dict[str, doctor.Row]:
    return {row.item: row for row in examine(results=results)}


def test_without_an_engine_it_is_said_and_the_rest_is_still_examined(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    rows = found(tmp_path / "not" / "yet")
    assert {name for name, row in rows.items() if not row.ok} == {"Docker engine"}
    assert "/nonexistent/docker.sock" in rows["Docker engine"].found
    assert rows["Docker engine"].hint
    assert rows["Python"].hint == ""


def test_what_is_missing_has_a_hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def library() -> bytes:
        raise CannotRun("The Python package libfaketime is not installed.")

    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    monkeypatch.setattr(doctor, "faketime_library", library)
    monkeypatch.setattr(doctor, "_RESULTS_DISK_GB", 1e9)
    (tmp_path / "file").write_text("")
    rows = found(tmp_path / "file" / "runs")
    assert {name for name, row in rows.items() if not row.ok} == {"Docker engine", "libfaketime", "results folder"}
    assert all(row.hint for row in rows.values() if not row.ok)


@pytest.mark.docker
def test_on_a_machine_that_has_everything(tmp_path: Path) -> None:
    rows = found(tmp_path)
    assert {name: row for name, row in rows.items() if not row.ok} == {}
    asked = {"node image", "packet filter", "packet queue", "disks that can fail", "container network", "leftovers"}
    assert asked <= rows.keys()
    assert "NFQUEUE works" in rows["packet queue"].found
