"""Ports that stay a run's own, while its servers come and go."""

from __future__ import annotations

import socket

import pytest

from harness.cluster.local import ports
from harness.cluster.local.ports import HOST, Ports
from harness.errors import CannotRun


def test_a_port_is_a_servers_each_time_it_starts_and_nobody_elses() -> None:
    mine = Ports()
    port = mine.take()
    for _ in range(2):
        with socket.create_server((HOST, port)), pytest.raises(OSError, match="in use"):
            socket.create_server((HOST, port))
    assert ports._bind(port) is None, "another run picks another one"
    with socket.socket() as dial:
        assert dial.connect_ex((HOST, port)) != 0, "nobody listens there between two servers"
    mine.close()
    with socket.create_server((HOST, port)):
        pass


def test_no_free_port_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_bind", lambda port: None)
    with pytest.raises(CannotRun, match=r"No port is free on .* between 10000 and"):
        Ports().take()
