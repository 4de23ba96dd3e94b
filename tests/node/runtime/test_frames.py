"""Frames between nodes: any cutting of the stream gives the same frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_image.runtime.frames import MAX_FRAME_BYTES, FrameError, FrameReader, frame, greeted, greeting


@given(st.lists(st.binary(max_size=20)), st.data())
def test_frames_come_whole_however_the_stream_is_cut(frames: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(frame, frames))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    pieces = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    reader = FrameReader()
    assert [whole for piece in pieces for whole in reader.feed(piece)] == frames


def test_a_frame_that_is_too_large() -> None:
    with pytest.raises(FrameError, match="bytes"):
        FrameReader().feed((MAX_FRAME_BYTES + 1).to_bytes(4, "big"))


def test_a_greeting() -> None:
    [said] = FrameReader().feed(greeting("n1"))
    assert greeted(said) == "n1"


@pytest.mark.parametrize("said", [b"", b"{}", b"[]", b"3", b"\xff", b'{"raftstorm": 1, "node": "n1"}'])
def test_no_greeting(said: bytes) -> None:
    with pytest.raises(FrameError):
        greeted(said)
