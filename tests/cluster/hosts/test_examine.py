"""What a host lacks, in one sentence."""

from __future__ import annotations

import asyncio

import pytest

from harness.cluster import Finished
from harness.cluster.hosts.examine import BASE_OF_ROOT, base_of, check, look
from harness.cluster.hosts.inventory import Host
from harness.control.keys import generate
from harness.errors import CannotRun
from harness.faketime import faketime_machine

DEMANDS = {"python3-msgpack": "python3 -c 'import msgpack'"}
TOOLS = ["tar", "setsid", "tail", "env", "python3-msgpack", "iptables", "iptables-restore"]


def host(user: str = "root", become: str = "none", folder: str | None = None) -> Host:
    return Host(
        name="n1",
        address="10.0.0.1",
        port=22,
        user=user,
        become=become,
        host_keys=(generate(),),
        client_key=None,
        key_path=None,
        peer_address="10.0.0.1",
        peer_port=7000,
        client_port=8000,
        client_host="10.0.0.1",
        client_reached_port=8000,
        folder=folder,
    )


class Says:
    """A control on which a command prints this."""

    def __init__(self, *finished: object) -> None:
        self.finished = Finished(*finished)  # type: ignore[arg-type]

    async def run(self, command: str, *, input: bytes = b"", timeout_s: float = 10.0) -> Finished:
        return self.finished


def printed(tools: list[str] = TOOLS, **others: str) -> str:
    facts = {"machine": faketime_machine(), "kernel": "Linux", "uid": "0", "home": "/root", "python": "3.11", **others}
    return "\n".join(
        [*(f"{name}={value}" for name, value in facts.items() if value), *(f"has={tool}" for tool in tools)]
    )


def examined(out: str, there: Host, *, packet_filter: bool = True) -> str:
    """The base folder."""
    facts = asyncio.run(look(Says(0, out, ""), there, DEMANDS, packet_filter=packet_filter))  # type: ignore[arg-type]
    check(facts, there, DEMANDS, packet_filter=packet_filter)
    return base_of(facts, there)


def test_a_host_that_has_all() -> None:
    assert examined(printed(), host()) == BASE_OF_ROOT
    assert examined(printed(python="3.14"), host(folder="/srv/storm")) == "/srv/storm"
    assert examined(printed(), host("ann", "sudo")) == BASE_OF_ROOT
    assert examined(printed(uid="1000", home="/home/ann"), host("ann")) == "/home/ann/.raftstorm"
    assert examined(printed(TOOLS[:-2]), host("ann"), packet_filter=False) == BASE_OF_ROOT


@pytest.mark.parametrize(
    ("out", "there", "sentence"),
    [
        (printed(TOOLS[:-3]), host(), "cannot take a node: it lacks iptables, iptables-restore, python3-msgpack."),
        (printed(python="3.9"), host(), "it needs python3 3.11 or newer, and has 3.9."),
        (printed(python=""), host(), "it needs python3 3.11 or newer, and has none."),
        (printed(kernel="Darwin"), host(), "it runs Darwin, and faults are made for Linux."),
        (printed(machine="riscv64"), host(), "it is a riscv64, and the libfaketime of this installation is for"),
        (printed(uid="1000"), host("ann", "sudo"), "root by sudo of ann is not root there (uid 1000)."),
        (printed(python="3.9", uid="7"), host(), "root is not root there (uid 7); it needs python3 3.11 or newer"),
        (printed(uid="1000", home="/home/an n"), host("ann"), "give a 'folder' in the inventory."),
    ],
)
def test_what_is_missing_is_told_at_once(out: str, there: Host, sentence: str) -> None:
    with pytest.raises(CannotRun) as caught:
        examined(out, there)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("Host n1 (10.0.0.1) ")


def test_sudo_that_asks_for_a_password() -> None:
    sentence = r"Host n1 \(10\.0\.0\.1\) does not run commands as root by sudo of ann: sudo: a password is required"
    with pytest.raises(CannotRun, match=sentence):
        asyncio.run(look(Says(1, "", "sudo: a password is required\n"), host("ann", "sudo")))  # type: ignore[arg-type]
