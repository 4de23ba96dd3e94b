"""Commands to the disk: a socket in the file system of the node, one JSON object a connection, one back.

    {"do": "status"}                                       what is in force
    {"do": "set", "sync_s": 0.2, "no_space": true, ...}    faults that are in force from now on; others end
    {"do": "cut", "pid": 17, "seed": 1, "after": null, "tear": false, "within_s": 5}
                                                           the machine loses power, at once or when its time comes
    {"do": "power"}                                        it has power again
    {"do": "damage", "how": "bit-flip", "seed": 1}         or "truncate": of what is durable
    {"do": "repair"}                                       of all damage

An answer is an object; one that says why a command was not done has "error".
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from random import Random
from typing import Any, Final

import trio

from node_image.disk.damage import Damage, cut_short, flip_bit, repair
from node_image.disk.filesystem import Faults, FileSystem, Fuse, Syncs

_MOST_TOLD: Final = 20
"""Files, and names, of one outage."""
_DAMAGES: Final = {"bit-flip": flip_bit, "truncate": cut_short}


class Control:
    def __init__(self, filesystem: FileSystem) -> None:
        self._disk = filesystem
        self._damages: list[Damage] = []

    async def serve(self, path: str) -> None:
        """For ever. The socket is there when somebody can be answered."""
        listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await listening.bind(path + ".new")
        listening.listen(16)
        os.replace(path + ".new", path)
        await trio.serve_listeners(self._answer, [trio.SocketListener(listening)])

    async def _answer(self, stream: trio.SocketStream) -> None:
        """A command that makes no sense is told, and ends nothing."""
        async with stream:
            try:
                command = json.loads(await _line(stream))
                answer = await self._obey(command)
            except (ValueError, KeyError, TypeError, OSError) as error:
                answer = {"error": str(error) or type(error).__name__}
            with trio.move_on_after(5):
                await stream.send_all(json.dumps(answer).encode() + b"\n")

    async def _obey(self, command: dict[str, Any]) -> dict[str, Any]:
        match command.pop("do"):
            case "status":
                return self._status()
            case "set":
                return self._set(**command)
            case "cut":
                return await self._cut(**command)
            case "power":
                self._disk.fuse = None
                self._disk.faults.off = False
                return self._status()
            case "damage":
                return self._damage(**command)
            case "repair":
                return self._repair()
            case other:
                raise ValueError(f"there is no command {other!r}")

    def _status(self) -> dict[str, Any]:
        syncs = self._disk.syncs
        return {
            **asdict(self._disk.faults),
            "damaged": [damage.path for damage in self._damages],
            "syncs": syncs.count,
            "syncs_failed": syncs.failed,
            "slowest_sync_s": round(syncs.slowest_s, 6),
        }

    def _set(self, **faults: Any) -> dict[str, Any]:
        """Tells how syncs were until now; they are counted from the beginning."""
        before = self._status()
        self._disk.faults = Faults(**faults, off=self._disk.faults.off)
        self._disk.syncs = Syncs()
        return before

    async def _cut(self, pid: int, seed: int, after: int | None, tear: bool, within_s: float) -> dict[str, Any]:
        rng, at_work = Random(seed), after is not None or tear
        in_time = False
        if at_work:
            self._disk.fuse = fuse = Fuse(pid, rng, after or 0, tear)
            with trio.move_on_after(within_s):
                await fuse.blown.wait()
            in_time = self._disk.fuse is not fuse
            if in_time:
                await fuse.blown.wait()  # it may be under way
            else:
                await self._disk.lose_power(pid, rng, tear=tear)
        else:
            await self._disk.lose_power(pid, rng)
        outage = self._disk.outage
        assert outage is not None
        return {
            "lost_bytes": outage.lost_bytes,
            "kept_bytes": sum(loss.kept_bytes for loss in outage.files),
            "files": [loss._asdict() for loss in outage.files[:_MOST_TOLD]],
            "names": outage.names[:_MOST_TOLD],
            **({"at_work": in_time} if at_work else {}),
        }

    def _damage(self, how: str, seed: int) -> dict[str, Any]:
        damage = _DAMAGES[how](self._disk.volume, Random(seed))
        if damage is None:
            raise ValueError("no file there has anything durable that could be damaged")
        self._damages.append(damage)
        return damage.words()

    def _repair(self) -> dict[str, Any]:
        """The last damage first, as each stands on those before it. Tells which files could be repaired."""
        damages, self._damages = self._damages[::-1], []
        return {"repaired": [damage.path for damage in damages if repair(self._disk.volume, damage)]}


async def _line(stream: trio.SocketStream) -> bytes:
    received = b""
    while not received.endswith(b"\n"):
        part = await stream.receive_some(65536)
        if not part:
            raise ValueError("the command broke off")
        received += part
    return received
