"""Host keys as OpenSSH keeps them: known_hosts files, and single lines.

Names may be hashed, be patterns, or be excluded (`!name`); a host on another port than 22 is `[host]:port`. A key that
is marked `@revoked` is never taken; lines of certificate authorities are not for us, since the harness checks keys.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

import paramiko
from paramiko.hostkeys import HostKeyEntry, InvalidHostKey

SSH_PORT: Final = 22
_REVOKED: Final = "@revoked"


def known_keys(text: str, host: str, port: int) -> list[paramiko.PKey]:
    """The keys that a known_hosts file has of a host."""
    name = host if port == SSH_PORT else f"[{host}]:{port}"
    keys: list[paramiko.PKey] = []
    revoked: list[paramiko.PKey] = []
    for marker, entry in _entries(text):
        if _names(entry, name):
            (revoked if marker == _REVOKED else keys).append(entry.key)
    return [key for key in keys if key not in revoked]


def parse_key(text: str) -> paramiko.PKey:
    """A host key's line: `ssh-ed25519 AAAA...`, with or without a host's name before it. Raises ValueError."""
    words = text.split()
    for line in (text.strip(), " ".join(["host", *words])):
        try:
            entry = HostKeyEntry.from_line(line)
        except (InvalidHostKey, paramiko.SSHException, binascii.Error, ValueError):
            continue
        if entry is not None:
            return entry.key
    raise ValueError(f"{text!r} is no host key")


def _entries(text: str) -> Iterator[tuple[str, HostKeyEntry]]:
    """Marker and entry of each line that can be read. Others are left out, as OpenSSH does."""
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        try:
            entry = HostKeyEntry.from_line(" ".join(words))
        except (InvalidHostKey, paramiko.SSHException, ValueError):
            continue
        if entry is not None and marker in ("", _REVOKED):
            yield marker, entry


def _names(entry: HostKeyEntry, name: str) -> bool:
    patterns = [pattern for pattern in entry.hostnames if not pattern.startswith("!")]
    excluded = [pattern[1:] for pattern in entry.hostnames if pattern.startswith("!")]
    return _any(patterns, name) and not _any(excluded, name)


def _any(patterns: list[str], name: str) -> bool:
    return any(_matches(pattern, name) for pattern in patterns)


def _matches(pattern: str, name: str) -> bool:
    if pattern.startswith("|1|"):
        try:
            return paramiko.HostKeys.hash_host(name, pattern) == pattern
        except (binascii.Error, ValueError, IndexError, AssertionError):
            return False
    # Brackets stand for themselves here: they are around the host of a `[host]:port`.
    return fnmatchcase(name.lower(), pattern.lower().replace("[", "[[]"))
