"""What is said to the kernel's queue, and what it says. The bytes are those of linux/netfilter/nfnetlink_queue.h."""

from __future__ import annotations

import struct

import pytest

from harness.on_nodes.packets import nfqueue


def test_a_packet_is_read_from_between_other_attributes_and_messages() -> None:
    attributes = (
        nfqueue.attribute(1, struct.pack(">IHB", 258, 0x0800, 0)),
        nfqueue.attribute(9, b"hardware address"),
        nfqueue.attribute(10, b"E packet"),
    )
    packet = nfqueue.message(0x0300, 0, 7707, b"".join(attributes))
    error = struct.pack("=IHHII", 20, 2, 0, 1, 0) + struct.pack("=i", 0)
    assert list(nfqueue.packets(error + packet + packet)) == [nfqueue.Packet(258, b"E packet")] * 2
    assert [kind for kind, _ in nfqueue.parts(error + packet)] == [2, 0x0300]


@pytest.mark.parametrize(
    ("accept", "data", "tail"),
    [
        (False, None, "0c000200" "00000000" "00000102"),
        (True, None, "0c000200" "00000001" "00000102"),
        (True, b"abcde", "0c000200" "00000001" "00000102" "09000a00" "6162636465" "000000"),
    ],
)  # fmt: skip
def test_verdicts(accept: bool, data: bytes | None, tail: str) -> None:
    said = nfqueue.verdict(7707, 258, accept=accept, data=data)
    length, kind, flags, _, _ = struct.unpack_from("=IHHII", said)
    assert (length, kind, flags) == (len(said), 0x0301, 1)
    assert said[16:20] == bytes([0, 0]) + (7707).to_bytes(2, "big")
    assert said[20:] == bytes.fromhex(tail)


def test_a_queue_is_bound_first_and_copies_whole_packets_last() -> None:
    bodies = [request[20:] for request in nfqueue.configuration(7707)]
    assert bodies[0] == bytes.fromhex("0800010001000002")
    assert bodies[2] == bytes.fromhex("090002000000ffff02000000")
