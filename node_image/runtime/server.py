"""Start and stop of the process.

Exit codes: 0 told to stop; 65 what is stored is corrupt (EX_DATAERR); 74 the disk failed (EX_IOERR); 78 the
configuration cannot work (EX_CONFIG); 71 a port cannot be listened on (EX_OSERR); 70 a mistake of the node's own
(EX_SOFTWARE).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import random
import signal
from collections.abc import Iterator
from typing import Any, Final

from node_image.driver.node import Node
from node_image.runtime.clocks import read_clocks
from node_image.runtime.config import Address, ProcessConfig
from node_image.runtime.files import Files
from node_image.runtime.links import Link
from node_image.runtime.listeners import PeerConnection
from node_image.runtime.process import Process
from node_image.runtime.trace import TraceFile
from node_image.storage import Corrupt

EXIT_CORRUPT: Final = 65
EXIT_MISTAKE: Final = 70
EXIT_CANNOT_LISTEN: Final = 71
EXIT_DISK: Final = 74
EXIT_CONFIG: Final = 78

log = logging.getLogger("node")


class Stop(Exception):
    """The process must end, with this exit code and this sentence."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


async def serve(config: ProcessConfig) -> None:
    """Until SIGTERM or SIGINT. Raises Stop."""
    stopped = _stop_on_signals()
    stop_on_mistakes()
    trace = _open_trace(config)
    links = {
        name: Link(config.node.node, name, address)
        for name, address in config.members.items()
        if name != config.node.node
    }
    process, files = _recover(config, links, trace)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(trace.close)
        stack.callback(files.close)
        _tune_garbage_collection()
        _start(process, files)
        stack.callback(process.stop)
        await _listen(stack, config, process)
        dialing = [asyncio.create_task(link.run()) for link in links.values()]
        await stopped.wait()
        log.info("told to stop")
        for task in dialing:
            task.cancel()


def _stop_on_signals() -> asyncio.Event:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


def stop_on_mistakes() -> None:
    """A turn that was broken off has lost inputs and effects; what is done after it could call durable what never was
    written. So the process ends, and recovery begins from what is."""

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "handle" not in context:  # no callback of ours: a connection's trouble
            loop.default_exception_handler(context)
            return
        log.critical("a mistake of the node's own, it stops: %s", context["message"], exc_info=context.get("exception"))
        os._exit(EXIT_MISTAKE)

    asyncio.get_running_loop().set_exception_handler(handle)


def _open_trace(config: ProcessConfig) -> TraceFile:
    try:
        return TraceFile(config.trace)
    except OSError as error:
        raise Stop(EXIT_DISK, f"cannot write the trace {config.trace}: {error.strerror}") from None


def _recover(config: ProcessConfig, links: dict[str, Link], trace: TraceFile) -> tuple[Process, Files]:
    process: Process | None = None

    def synced(token: int) -> None:
        assert process is not None
        process.disk_done(token)

    with _disk_errors(config):
        files = Files(config.data, synced, _disk_failed)
        stored = files.read()
    try:
        node = Node(config.node, stored, random.Random(), read_clocks())
    except Corrupt as error:
        raise Stop(EXIT_CORRUPT, f"the node cannot start from what is stored: {config.data}/{error}") from None
    process = Process(node, links, trace)
    return process, files


@contextlib.contextmanager
def _disk_errors(config: ProcessConfig) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Stop(EXIT_DISK, f"cannot use the data folder {config.data}: {error.strerror}") from None


def _disk_failed(error: OSError) -> None:
    """Called in the disk's thread. Nothing may be acknowledged after this, so there is no orderly way out."""
    log.error("the disk failed, the node stops: %s", error)
    os._exit(EXIT_DISK)


def _tune_garbage_collection() -> None:
    """What was recovered and imported lives on: it is left out of every later collection, and collections of the
    young come seldom, since what a request leaves behind goes by reference counting."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _listen(stack: contextlib.AsyncExitStack, config: ProcessConfig, process: Process) -> None:
    connections: dict[str, PeerConnection | None] = {name: None for name in config.members if name != config.node.node}
    loop = asyncio.get_running_loop()
    for address, factory in (
        (config.peer, lambda: PeerConnection(connections, process.peer_sent)),
        (config.client, process.clients.connection),
    ):
        try:
            server = await loop.create_server(factory, address.host, address.port, reuse_address=True)
        except OSError as error:
            raise Stop(EXIT_CANNOT_LISTEN, f"cannot listen on {_shown(address)}: {error.strerror}") from None
        stack.callback(server.close)
    stack.callback(process.clients.close)


def _start(process: Process, files: Files) -> None:
    try:
        process.start(files)
    except OSError as error:
        raise Stop(EXIT_DISK, f"cannot cut off the torn end of the log: {error}") from None


def _shown(address: Address) -> str:
    return f"{address.host}:{address.port}"
