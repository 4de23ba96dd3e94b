"""A queue of the kernel's packet filter, over netlink: as much of the protocol as an agent needs.

Debian's bookworm has no Python package for it, and PyPI's would have to be compiled on the node. The protocol is a
struct and a few attributes (linux/netfilter/nfnetlink_queue.h). Large packets that the network card would cut into
pieces come in pieces (NFQA_CFG_F_GSO is not asked for), and with their checksums filled in.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from sys import byteorder
from typing import Final, NamedTuple

NUMBER: Final = 7707
"""The queue's."""
MOST_WAITING: Final = 20_000
"""Packets that the kernel holds for the agent; more are dropped."""

_NETLINK_NETFILTER: Final = 12
_SUBSYSTEM: Final = 3 << 8
_PACKET: Final = _SUBSYSTEM | 0
_VERDICT: Final = _SUBSYSTEM | 1
_CONFIG: Final = _SUBSYSTEM | 2
_ERROR: Final = 2
_REQUEST, _ACK = 1, 4
_DROP, _ACCEPT = 0, 1
_SOL_NETLINK, _NO_ENOBUFS = 270, 5
_BUFFER_BYTES: Final = 8 << 20

_HEADER: Final = struct.Struct("=IHHII")
_FAMILY: Final = struct.Struct(">BBH")
_ATTRIBUTE: Final = struct.Struct("=HH")
_BODY: Final = _HEADER.size + _FAMILY.size

# Attributes of a packet and of a verdict.
_PACKET_HEADER, _VERDICT_HEADER, _PAYLOAD = 1, 2, 10
# Attributes of a configuration.
_COMMAND, _PARAMETERS, _LENGTH = 1, 2, 3
_BIND: Final = 1
_COPY_WHOLE: Final = 2


class Packet(NamedTuple):
    """`number`: the kernel's, for the verdict. `data`: from the IP header on."""

    number: int
    data: bytes


class QueueTaken(Exception):
    """Another process has the queue, or it cannot be had; `str(error)` is the reason."""


def attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, flags: int, queue: int, attributes: bytes) -> bytes:
    length = _BODY + len(attributes)
    return _HEADER.pack(length, kind, flags, 0, 0) + _FAMILY.pack(0, 0, queue) + attributes


def verdict(queue: int, number: int, *, accept: bool, data: bytes | None = None) -> bytes:
    """`data`: what the packet is from now on."""
    said = attribute(_VERDICT_HEADER, struct.pack(">II", _ACCEPT if accept else _DROP, number))
    return message(_VERDICT, _REQUEST, queue, said if data is None else said + attribute(_PAYLOAD, data))


def configuration(queue: int) -> list[bytes]:
    """The requests that make a queue: whole packets, so many at most."""
    parts = (
        (_COMMAND, struct.pack(">BBH", _BIND, 0, socket.AF_INET)),
        (_LENGTH, struct.pack(">I", MOST_WAITING)),
        (_PARAMETERS, struct.pack(">IB", 0xFFFF, _COPY_WHOLE)),
    )
    return [message(_CONFIG, _REQUEST | _ACK, queue, attribute(kind, value)) for kind, value in parts]


def parts(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    """The messages in what was received: each with its kind, without its header."""
    at = 0
    while at + _HEADER.size <= len(datagram):
        length, kind, _, _, _ = _HEADER.unpack_from(datagram, at)
        yield kind, datagram[at + _HEADER.size : at + length]
        at += max(_HEADER.size, (length + 3) & ~3)


def packets(datagram: bytes) -> Iterator[Packet]:
    for kind, body in parts(datagram):
        if kind == _PACKET:
            held = dict(_attributes(body[_FAMILY.size :]))
            yield Packet(int.from_bytes(held[_PACKET_HEADER][:4], "big"), held.get(_PAYLOAD, b""))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        yield kind & 0x3FFF, data[at + _ATTRIBUTE.size : at + length]
        at += max(_ATTRIBUTE.size, (length + 3) & ~3)


class Queue:
    """This process's queue, from now until it ends. Raises QueueTaken."""

    def __init__(self, number: int = NUMBER) -> None:
        self._number = number
        self._early: list[Packet] = []
        """What came before the kernel's last answer."""
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
            self._socket.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), _BUFFER_BYTES)
            self._socket.setsockopt(_SOL_NETLINK, _NO_ENOBUFS, 1)
            for request in configuration(number):
                self._ask(request)
        except OSError as error:
            raise QueueTaken(f"queue {number} of the packet filter cannot be had: {error.strerror}") from error
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def received(self) -> Iterator[Packet]:
        """All that wait."""
        early, self._early = self._early, []
        yield from early
        while True:
            try:
                datagram = self._socket.recv(1 << 17)
            except BlockingIOError:
                return
            yield from packets(datagram)

    def accept(self, number: int, data: bytes | None = None) -> None:
        self._send(verdict(self._number, number, accept=True, data=data))

    def drop(self, number: int) -> None:
        self._send(verdict(self._number, number, accept=False))

    def _send(self, request: bytes) -> None:
        """The kernel acts on it before this returns."""
        self._socket.sendto(request, (0, 0))

    def _ask(self, request: bytes) -> None:
        """Raises OSError where the kernel refuses."""
        self._send(request)
        while True:
            answer = self._socket.recv(1 << 17)
            self._early += packets(answer)
            codes = [int.from_bytes(body[:4], byteorder, signed=True) for kind, body in parts(answer) if kind == _ERROR]
            if any(codes):
                raise OSError(-codes[0], os.strerror(-codes[0]))
            if codes:
                return
