"""One turn of the process: what sockets, disk and clocks have brought is given to the node together, then the effects
of all of it go out together.

A callback of the event loop only notes what it brought and asks for a turn; the turn comes after all callbacks of the
same round. So lines that arrive at once share one message to each peer and one sync, with no timer that waits for more.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, Final

from node_image.driver.effects import (
    Clocks,
    Effect,
    Remove,
    Replace,
    Reply,
    Send,
    Sync,
    Trace,
    Truncate,
    Write,
)
from node_image.driver.node import Node
from node_image.driver.wire import PeerMessage, encode
from node_image.runtime.clocks import read_clocks
from node_image.runtime.files import Files
from node_image.runtime.frames import frame
from node_image.runtime.links import Link
from node_image.runtime.listeners import ClientHub
from node_image.runtime.log import log_role
from node_image.runtime.trace import TraceFile

Input = Callable[[Clocks], list[Effect]]

VERSION: Final = 1
"""Of the client protocol."""


class Process:
    """Connects the node with what carries its effects out. Everything here runs in the event loop's thread, except
    that `Files` calls `disk_done` from its own."""

    def __init__(self, node: Node, links: Mapping[str, Link], trace: TraceFile) -> None:
        self._node = node
        self._links = links
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._files: Files | None = None
        self._inputs: list[Input] = []
        self._turn_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self.clients = ClientHub(self._hello, self.client_requested, self.client_closed)

    def start(self, files: Files) -> None:
        """Raises OSError if what recovery cuts off cannot be cut off."""
        self._files = files
        self._carry_out(self._node.start(read_clocks()))
        self._set_timer()

    def stop(self) -> None:
        """The last trace record. Files and sockets are closed by who made them."""
        self._carry_out(self._node.stop(read_clocks()))
        if self._timer is not None:
            self._timer.cancel()

    # Inputs

    def client_requested(self, connection: int, request: dict[str, Any]) -> None:
        self._note(lambda clocks: self._node.client_line(connection, request, clocks, more=True))

    def client_closed(self, connection: int) -> None:
        self._note(lambda clocks: self._node.client_closed(connection))

    def peer_sent(self, peer: str, message: PeerMessage) -> None:
        self._note(lambda clocks: self._node.peer_message(peer, message, clocks, more=True))

    def disk_done(self, token: int) -> None:
        """Called in another thread."""
        self._loop.call_soon_threadsafe(self._note, lambda clocks: self._node.synced(token, clocks))

    def _note(self, noted: Input) -> None:
        self._inputs.append(noted)
        if not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._turn)

    def _hello(self) -> dict[str, Any]:
        node = self._node
        return {"hello": "raftstorm", "node": node.config.node, "version": VERSION, "applied": node.replica.applied}

    # Turns

    def _turn(self) -> None:
        self._turn_is_due = False
        inputs, self._inputs = self._inputs, []
        clocks = read_clocks()
        effects: list[Effect] = []
        for noted in inputs:
            effects += noted(clocks)
        effects += self._node.settle(clocks)
        self._carry_out(effects)
        self._set_timer()

    def _set_timer(self) -> None:
        """A timer that is too early is left alone: deadlines move on with every turn, and setting a timer costs more
        than an early look."""
        deadline = self._node.deadline()
        if deadline >= self._timer_at or deadline == inf:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - read_clocks().monotonic), self._time)

    def _time(self) -> None:
        self._timer, self._timer_at = None, inf
        clocks = read_clocks()
        if clocks.monotonic >= self._node.deadline():
            self._carry_out(self._node.tick(clocks))
        self._set_timer()

    # Effects

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        frames: dict[str, list[bytes]] = defaultdict(list)
        replies: dict[int, list[dict[str, Any]]] = defaultdict(list)
        records: list[dict[str, Any]] = []
        for effect in effects:
            match effect:
                case Send(peer, message):
                    frames[peer].append(frame(encode(message)))
                case Reply(connection, response):
                    replies[connection].append(response)
                case Trace(record):
                    records.append(record)
                    log_role(record)
                case _:
                    self._carry_out_on_disk(effect)
        for peer, bundle in frames.items():
            if (link := self._links.get(peer)) is not None:  # a log may name nodes that this one has no address of
                link.send(bundle)
        for connection, responses in replies.items():
            self.clients.send(connection, responses)
        self._trace.write(records)

    def _carry_out_on_disk(self, effect: Effect) -> None:
        assert self._files is not None
        match effect:
            case Write(file, data):
                self._files.write(file, data)
            case Sync(file, token):
                self._files.sync(file, token)
            case Replace(file, data, token):
                self._files.replace(file, data, token)
            case Remove(file):
                self._files.remove(file)
            case Truncate(file, size):
                self._files.truncate(file, size)
