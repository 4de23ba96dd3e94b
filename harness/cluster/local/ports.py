"""Ports on 127.0.0.1 for servers that are killed and started again: each must find its port free every time.

They are taken from below those that the kernel gives to outgoing connections, and stay bound by this process, which
does not listen: so nobody gets one by chance, and a second run picks others. A server can bind them all the same, as
long as it reuses addresses, which all do that want to be started again soon.
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import Final

from harness.errors import CannotRun

HOST: Final = "127.0.0.1"
_FIRST: Final = 10_000
_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_EPHEMERAL: Final = 32_768
_TRIES: Final = 1_000


class Ports:
    """Those of one run."""

    def __init__(self) -> None:
        self._bound: list[socket.socket] = []

    def take(self) -> int:
        """One that nobody has. Raises CannotRun."""
        random = SystemRandom()
        end = _first_ephemeral()
        for _ in range(_TRIES):
            bound = _bind(random.randrange(_FIRST, end))
            if bound is not None:
                self._bound.append(bound)
                port: int = bound.getsockname()[1]
                return port
        raise CannotRun(f"No port is free on {HOST} between {_FIRST} and {end}.")

    def close(self) -> None:
        for bound in self._bound:
            bound.close()
        self._bound.clear()


def _bind(port: int) -> socket.socket | None:
    bound = socket.socket()
    try:
        bound.bind((HOST, port))
    except OSError as error:
        bound.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            return None
        raise CannotRun(f"No port can be had on {HOST}: {error.strerror}.") from error
    # Only now: others that are to have this port must reuse it too, and a second run that tries it does not.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return bound


def _first_ephemeral() -> int:
    with suppress(OSError, ValueError):
        return max(int(_EPHEMERAL.read_text("ascii").split()[0]), _FIRST + 1_000)
    return _USUAL_EPHEMERAL
