"""The keys that an inventory names: those that hosts must show, and those that we show them.

Every sentence lacks its full stop: whoever reads the inventory adds the place where the key is named.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import paramiko

from harness.control.known_hosts import known_keys, parse_key
from harness.errors import BadInput

KNOWN_HOSTS: Final = "~/.ssh/known_hosts"


def below(folder: Path, path: str) -> Path:
    """Paths in the inventory are meant from where it is."""
    return folder / Path(path).expanduser()


def pinned_host_key(line: str) -> tuple[paramiko.PKey, ...]:
    """Raises BadInput."""
    try:
        return (parse_key(line),)
    except ValueError as error:
        raise BadInput(f"'host-key' takes a line like 'ssh-ed25519 AAAA...', not {line!r}") from error


def known_host_keys(address: str, port: int, known_hosts: str | None, folder: Path) -> tuple[paramiko.PKey, ...]:
    """Raises BadInput where none is known."""
    path = below(folder, known_hosts or KNOWN_HOSTS)
    try:
        text = path.read_text("utf-8", "replace")
    except OSError as error:
        if known_hosts is not None:
            raise BadInput(f"'known-hosts' {path} cannot be read: {error.strerror}") from error
        text = ""
    keys = known_keys(text, address, port)
    if not keys:
        raise BadInput(
            f"there is no host key of {address} port {port} in {path}: log in once with ssh and look at the key that "
            "it shows, or give it as 'host-key'"
        )
    return tuple(keys)


@cache
def private_key(path: Path) -> paramiko.PKey:
    """Raises BadInput."""
    try:
        return paramiko.PKey.from_path(path)
    except OSError as error:
        raise BadInput(f"'key' {path} cannot be read: {error.strerror}") from error
    except (TypeError, paramiko.PasswordRequiredException) as error:
        raise BadInput(f"'key' {path} has a passphrase: add it to an SSH agent, and leave out 'key'") from error
    except Exception as error:  # paramiko and what it reads keys with raise whatever comes
        raise BadInput(f"'key' {path} is no private key that SSH knows") from error
