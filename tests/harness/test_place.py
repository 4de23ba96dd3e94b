"""Which place a run takes where none was named."""

from __future__ import annotations

import pytest

from harness.cluster import engine
from harness.errors import CannotRun
from harness.place import AUTO, chosen_cluster


class Engine:
    def close(self) -> None:
        pass


def test_docker_where_an_engine_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "connect", Engine)
    assert chosen_cluster(AUTO) == ("docker", "")


def test_local_processes_where_none_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect() -> None:
        raise CannotRun("No Docker engine answers at x: install one.")

    monkeypatch.setattr(engine, "connect", connect)
    cluster, sentence = chosen_cluster(AUTO)
    assert cluster == "local"
    assert sentence == (
        "No Docker engine answers at x: install one. Nodes are local processes instead (--cluster local)."
    )
    assert chosen_cluster(AUTO, image="mine") == ("docker", ""), "who names an image means containers"
    assert chosen_cluster("sim") == ("sim", "")
    assert chosen_cluster("nonsense") == ("nonsense", "")
