"""Dialling a host over SSH: its key must be one that is known, and it must admit one of ours.

Nothing is believed on a first meeting: where no key of a host is known, there is no endpoint to dial.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import paramiko

KEEPALIVE_S: Final = 15
"""Firewalls forget connections on which nothing is said."""
LOG: Final = "raftstorm.ssh"
_RSA: Final = ("rsa-sha2-512", "rsa-sha2-256")
"""What an RSA key signs with; the key itself is called ssh-rsa."""


class Refused(paramiko.SSHException):
    """Dialling again will not help; `str(error)` says why."""


@dataclass(frozen=True)
class Endpoint:
    """Where a node's SSH daemon listens, the host keys of which it must show one, and ours, which it is offered in this
    order. `shell`: what runs a command line that is given as its last word ("": the user's shell as it is)."""

    name: str
    host: str
    port: int
    host_keys: tuple[paramiko.PKey, ...]
    client_keys: tuple[paramiko.PKey, ...]
    user: str = "root"
    shell: str = ""


def dial(end: Endpoint, deadline: float) -> paramiko.Transport:
    """A connection on which commands can be run. `deadline`: by time.monotonic(). Raises SSHException, EOFError,
    OSError; Refused where the host is not the one that is known, or does not admit us."""
    line = socket.create_connection((end.host, end.port), timeout=left(deadline))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(line)
    transport.set_log_channel(LOG)
    transport.banner_timeout = transport.auth_timeout = left(deadline)
    options = transport.get_security_options()
    options.key_types = _algorithms(end.host_keys, options.key_types)
    try:
        transport.start_client(timeout=left(deadline))
        _check_host_key(end, transport.get_remote_server_key())
        _log_in(end, transport)
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(KEEPALIVE_S)
    return transport


def left(deadline: float) -> float:
    """Seconds until then. Raises TimeoutError where there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _algorithms(keys: Iterable[paramiko.PKey], others: Iterable[str]) -> tuple[str, ...]:
    """A host has keys of several kinds, and shows one of the first kind that both sides have: it must be one of which
    we know the key. The others come after them: of a host that has none of these, the key that it shows is told."""
    known = [name for key in keys for name in (_RSA if key.get_name() == "ssh-rsa" else (key.get_name(),))]
    return tuple(dict.fromkeys([*known, *others]))


def _check_host_key(end: Endpoint, shown: paramiko.PKey) -> None:
    if shown not in end.host_keys:
        known = ", ".join(_fingerprint(key) for key in end.host_keys)
        raise Refused(
            f"{end.host} port {end.port} shows the host key {_fingerprint(shown)}, and known is {known}: it is another "
            "host, or was set up anew, or somebody stands in between"
        )


def _fingerprint(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.fingerprint}"


def _log_in(end: Endpoint, transport: paramiko.Transport) -> None:
    for key in end.client_keys:
        try:
            transport.auth_publickey(end.user, key)
            return
        except paramiko.BadAuthenticationType:
            break
        except paramiko.AuthenticationException:
            continue
    tried = "any of our keys" if len(end.client_keys) > 1 else "our key"
    raise Refused(f"Authentication failed: {end.host} port {end.port} does not admit {tried} for {end.user}")
