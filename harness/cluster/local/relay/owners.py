"""Who is at the other end of a connection on this machine: the kernel tells the inode of its socket, and the open files
of the run's processes tell whose that is."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from harness.cluster.local.marks import look, marked

Address = tuple[str, int]

_SOCK_DIAG: Final = 4
"""NETLINK_SOCK_DIAG: asks the kernel for one socket. Its table of all, in /proc, takes a hundred times as long."""
_BY_FAMILY: Final = 20
_REQUEST: Final = struct.Struct("=IHHII BBBBI HH16s16sIII")
"""struct nlmsghdr, then struct inet_diag_req_v2; the ports, which are big-endian, come swapped into it."""
_ANY_STATE: Final = 0xFFFFFFFF
_NO_COOKIE: Final = 0xFFFFFFFF
_INODE_AT: Final = 16 + 4 + 48 + 4 * 4
"""In the answer: behind nlmsghdr, and in struct inet_diag_msg behind its id and four counters."""
_TABLE: Final = "/proc/net/tcp"
_INODE_COLUMN: Final = 9


class Owners:
    """The processes of one run, as far as they have been met. `pid_files`: where their servers' pids stand, which are
    looked at first."""

    def __init__(self, folder: str, pid_files: Collection[str]) -> None:
        self._folder = folder
        self._pid_files = pid_files

    def of(self, dialer: Address, listener: Address) -> str | None:
        """The node whose process has the socket that is bound to `dialer` and connected to `listener`. None: it is no
        node's, or gone again."""
        inode = inode_of(dialer, listener)
        return self._holder(inode) if inode else None

    def _holder(self, inode: int) -> str | None:
        for pid in self._servers():
            if _holds(pid, inode) and (found := look(pid, self._folder)) is not None:
                return found.node
        return next((process.node for process in marked(self._folder) if _holds(process.pid, inode)), None)

    def _servers(self) -> list[int]:
        found = []
        for path in self._pid_files:
            with suppress(OSError, ValueError, IndexError), open(path, encoding="ascii") as file:
                found.append(int(file.read().split()[0]))
        return found


def _holds(pid: int, inode: int) -> bool:
    wanted = f"socket:[{inode}]"
    with suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{name}") == wanted:
                    return True
    return False


def inode_of(local: Address, remote: Address) -> int | None:
    """Of the socket that is bound to one and connected to the other. None: there is none."""
    with suppress(OSError):
        return _asked(local, remote)
    return _looked_up(local, remote)


def _asked(local: Address, remote: Address) -> int | None:
    """Raises OSError where the kernel does not answer such questions."""
    request = _REQUEST.pack(
        *(_REQUEST.size, _BY_FAMILY, 1, 0, 0),
        *(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ANY_STATE),
        *(socket.htons(local[1]), socket.htons(remote[1])),
        *(socket.inet_aton(local[0]), socket.inet_aton(remote[0])),
        *(0, _NO_COOKIE, _NO_COOKIE),
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as line:
        line.settimeout(1.0)
        line.sendto(request, (0, 0))
        answer = line.recv(1 << 12)
    [kind] = struct.unpack_from("=H", answer, 4)
    if kind == _BY_FAMILY:
        [inode] = struct.unpack_from("=I", answer, _INODE_AT)
        return int(inode)
    [error] = struct.unpack_from("=i", answer, 16)
    if -error == errno.ENOENT:
        return None
    raise OSError(-error, os.strerror(-error))


def _looked_up(local: Address, remote: Address) -> int | None:
    wanted = f" {_written(local)} {_written(remote)} "
    with open(_TABLE, encoding="ascii") as table:
        row = next((row for row in table if wanted in row), None)
    return int(row.split()[_INODE_COLUMN]) if row is not None else None


def _written(address: Address) -> str:
    """As the table has it: the number in this machine's order of bytes."""
    host, port = address
    [number] = struct.unpack("=I", socket.inet_aton(host))
    return f"{number:08X}:{port:04X}"
