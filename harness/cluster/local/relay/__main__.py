"""`python -m harness.cluster.local.relay`: listens for every node, and does what it is told on stdin."""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import Iterable
from random import Random
from typing import Final

import msgspec

from harness.cluster.local.relay import commands
from harness.cluster.local.relay.commands import Begin, Command, Done, Pairs, PathState, Request
from harness.cluster.local.relay.connection import Connection, Side, Sign
from harness.cluster.local.relay.owners import Owners
from harness.cluster.local.relay.paths import Path

HOST: Final = "127.0.0.1"
OPEN: Final = "open"
REFUSED: Final = "refused"


class Relay:
    def __init__(self, begin: Begin) -> None:
        self._nodes = begin.nodes
        self._owners = Owners(begin.folder, [seat.pid_file for seat in begin.nodes.values()])
        self._probes = {seat.probe_address: name for name, seat in begin.nodes.items()}
        self._measuring = {seat.measuring_address: name for name, seat in begin.nodes.items()}
        self._paths = {
            (source, target): Path(Random(f"{begin.seed} {source} {target}"))
            for source in begin.nodes
            for target in begin.nodes
            if source != target
        }
        self._connections: dict[Connection, tuple[str, str]] = {}
        self._dialling: set[asyncio.Task[None]] = set()
        self._resetting: dict[str, asyncio.Task[None]] = {}
        """By fault."""

    async def listen(self) -> Done:
        return Done(ports={node: await self._listen_for(node) for node in self._nodes})

    async def _listen_for(self, node: str) -> int:
        def arrival() -> Side:
            return Side(lambda side: self._arrived(side, node))

        server = await asyncio.get_running_loop().create_server(arrival, HOST, 0, backlog=256)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def obey(self, command: Command) -> Done:
        match command:
            case commands.Cut(fault, links):
                for path in self._on(links):
                    path.cut(fault)
            case commands.Heal(fault, target):
                for path in self._to(target).values():
                    path.heal(fault)
            case commands.Slow(fault, links, hindrance):
                for path in self._on(links):
                    path.hinder(fault, hindrance)
            case commands.Reset(fault, links, every_s):
                for path in self._on(links):
                    path.resetting.add(fault)
                if fault not in self._resetting:
                    self._resetting[fault] = asyncio.ensure_future(self._reset(frozenset(links), every_s))
            case commands.Calm(fault):
                if (resetting := self._resetting.pop(fault, None)) is not None:
                    resetting.cancel()
                for path in self._paths.values():
                    path.calm(fault)
                    path.resetting.discard(fault)
            case commands.Look(target):
                return Done(paths=[self._state(*link) for link in self._to(target)])
        return Done()

    async def _reset(self, links: frozenset[tuple[str, str]], every_s: float) -> None:
        while True:
            for connection, link in [*self._connections.items()]:
                if link in links and not connection.probes and not connection.measures:
                    connection.reset()
                    self._paths[link].resets += 1
            await asyncio.sleep(every_s)

    def _to(self, target: str | None) -> dict[tuple[str, str], Path]:
        return {link: path for link, path in self._paths.items() if target in (None, link[1])}

    def _on(self, links: Pairs) -> Iterable[Path]:
        return [self._paths[link] for link in links]

    def _state(self, source: str, target: str) -> PathState:
        path = self._paths[source, target]
        return PathState(
            source=source,
            target=target,
            cuts=path.cuts,
            hindrances=path.hindrances,
            resets=path.resets,
            resetting=sorted(path.resetting),
            connections=sum(link == (source, target) for link in self._connections.values()),
            passed_bytes=path.passed_bytes,
            delayed_bytes=path.delayed_bytes,
        )

    def _arrived(self, dialer: Side, target: str) -> None:
        address = dialer.address("peername")
        probing, measuring = self._probes.get(address[0]), self._measuring.get(address[0])
        source = probing or measuring or self._owners.of(address, dialer.address("sockname"))
        if source is None or (source, target) not in self._paths:
            dialer.reset()  # no node's: whoever it is has no business here
            return

        def dial(connection: Connection) -> None:
            if measuring is not None:
                connection.measure()
                return
            task = asyncio.ensure_future(self._dial(connection, target))
            self._dialling.add(task)
            task.add_done_callback(self._dialling.discard)

        there, back = self._paths[source, target], self._paths[target, source]
        probes, measures = probing is not None, measuring is not None
        connection = Connection(dialer, there, back, dial, self._forget, probes=probes, measures=measures)
        self._connections[connection] = (source, target)
        connection.start()

    def _forget(self, connection: Connection) -> None:
        self._connections.pop(connection, None)

    async def _dial(self, connection: Connection, target: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: connection.target, HOST, self._nodes[target].peer_port)
        except OSError:
            outcome = REFUSED
        else:
            outcome = OPEN
        if connection.over:
            connection.target.reset()
        elif connection.probes:
            connection.there.close()
            connection.back.put(outcome.encode())
            connection.back.put(Sign.END)
        elif outcome == OPEN:
            connection.there.pump()
        else:
            connection.back.put(Sign.RESET)


async def main() -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    relay, stay = None, False
    while line := await lines.readline():
        request = msgspec.json.decode(line, type=Request)
        match request.command:
            case Begin() as begin:
                relay, stay = Relay(begin), begin.stay
                done = await relay.listen()
            case command:
                assert relay is not None, "the first command is Begin"
                done = relay.obey(command)
        done.number = request.number
        sys.stdout.write(msgspec.json.encode(done).decode() + "\n")
        sys.stdout.flush()
    if stay:
        await loop.create_future()


def _take_all_files() -> None:
    """What dials into a cut stays open until it is healed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    _take_all_files()
    asyncio.run(main())
