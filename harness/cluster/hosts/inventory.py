"""The inventory: a TOML file with the hosts that nodes live on, and how they are reached.

    user = "root"                              # what stands before the first host holds for all of them
    key = "~/.ssh/id_ed25519"

    [[host]]
    name = "n1"
    address = "10.0.0.11"

docs/places.md has all of it. Reading it also reads the keys that it names, so that what cannot work is told in one
sentence, with its place, before any host is touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import paramiko

from harness.cluster.hosts.keys import below, known_host_keys, pinned_host_key, private_key
from harness.cluster.layout import CLIENT_PORT, PEER_PORT
from harness.control.known_hosts import SSH_PORT
from harness.errors import BadInput
from harness.nemesis.exact import check_names
from harness.toml_file import TomlFile, ended, read_toml

SUDO: Final = "sudo"
NONE: Final = "none"
ROOT: Final = "root"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
FOLDER: Final = re.compile(r"/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
"""libfaketime's library is named in a list that blanks and colons part."""
_ADDRESS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*|\[?[0-9A-Fa-f:.]+\]?")


@dataclass(frozen=True)
class Host:
    """One host, and the keys that go with it. `folder` None: wherever its user may have one."""

    name: str
    address: str
    port: int
    user: str
    become: str
    host_keys: tuple[paramiko.PKey, ...]
    client_key: paramiko.PKey | None
    """None: an agent's."""
    key_path: str | None
    peer_address: str
    peer_port: int
    client_port: int
    """What the server listens on there."""
    client_host: str
    client_reached_port: int
    """Where that is reached from here."""
    folder: str | None

    @property
    def as_root(self) -> bool:
        return self.user == ROOT or self.become == SUDO


@dataclass(frozen=True)
class Inventory:
    path: str
    hosts: tuple[Host, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(host.name for host in self.hosts)

    @property
    def as_root(self) -> bool:
        return all(host.as_root for host in self.hosts)

    def first(self, count: int) -> Inventory:
        return Inventory(self.path, self.hosts[:count])


class _Defaults(msgspec.Struct, kw_only=True, frozen=True, rename="kebab"):
    """What may stand before the first host, and in each."""

    port: int = SSH_PORT
    user: str = ROOT
    key: str | None = None
    known_hosts: str | None = None
    become: str = NONE
    folder: str | None = None
    client_port: int = CLIENT_PORT
    peer_port: int = PEER_PORT


class _Entry(_Defaults, kw_only=True, frozen=True, rename="kebab"):
    name: str
    address: str
    host_key: str | None = None
    peer_address: str | None = None
    client_address: str | None = None


_SHARED: Final = tuple(field.encode_name for field in msgspec.structs.fields(_Defaults))
_OF_HOST: Final = tuple(field.encode_name for field in msgspec.structs.fields(_Entry))


def read_inventory(path: str) -> Inventory:
    """Raises BadInput."""
    file = read_toml("The inventory", path)
    shared = {name: value for name, value in file.content.items() if name != "host"}
    try:
        check_names(shared, [*_SHARED, "host"], str(file))
    except BadInput as error:
        raise BadInput(ended(str(error))) from error
    tables = file.tables("host")
    if not tables:
        raise BadInput(f"{file} names no hosts: it takes a [[host]] table for each, with 'name' and 'address'.")
    places = file.places("host")
    hosts = [_host(file, place, shared, table) for place, table in zip(places, tables, strict=True)]
    _check_distinct(file, places, hosts)
    return Inventory(path, tuple(hosts))


def _host(file: TomlFile, place: str, shared: Mapping[str, Any], table: Mapping[str, Any]) -> Host:
    try:
        check_names(table, _OF_HOST, "a host")
        if "host-key" in table and "known-hosts" in table:
            raise BadInput("it takes either 'host-key' or 'known-hosts'")
        entry = msgspec.convert({**shared, **table}, _Entry)
        _check_entry(entry)
        return _resolved(entry, Path(file.path).parent)
    except msgspec.ValidationError as error:
        raise file.error(place, _plain(error)) from error
    except BadInput as error:
        raise file.error(place, str(error)) from error


def _plain(error: msgspec.ValidationError) -> str:
    missing = re.fullmatch(r"Object missing required field `(.+)`", str(error))
    if missing:
        return f"it has no {missing[1]!r}"
    wrong = re.fullmatch(r"Expected `(.+?)`, got `(.+?)` - at `\$\.(.+?)`", str(error))
    return f"{wrong[3]!r} wants {wrong[1]}, and was given {wrong[2]}" if wrong else str(error)


def _check_entry(entry: _Entry) -> None:
    """Raises BadInput, without the place and the full stop."""
    if not _NAME.fullmatch(entry.name):
        raise BadInput(f"'name' takes letters, digits, '.', '_' and '-', not {entry.name!r}")
    for name, address in (("address", entry.address), ("peer-address", entry.peer_address)):
        if address is not None and not _ADDRESS.fullmatch(address):
            raise BadInput(f"{name!r} takes a host's name or its IP address, not {address!r}")
    for name in ("port", "client-port", "peer-port"):
        port = getattr(entry, name.replace("-", "_"))
        if not 1 <= port <= 65535:
            raise BadInput(f"{name!r} takes 1 to 65535, not {port}")
    if entry.client_port == entry.peer_port:
        raise BadInput(f"'client-port' and 'peer-port' are both {entry.peer_port}: the server listens on each")
    if entry.become not in (NONE, SUDO):
        raise BadInput(f"'become' takes {SUDO!r} or {NONE!r}, not {entry.become!r}")
    if not entry.user.strip() or entry.user.startswith("-"):
        raise BadInput(f"'user' takes a user's name, not {entry.user!r}")
    if entry.folder is not None and not FOLDER.fullmatch(entry.folder):
        raise BadInput(f"'folder' takes an absolute path of letters, digits, '.', '_' and '-', not {entry.folder!r}")


def _resolved(entry: _Entry, folder: Path) -> Host:
    client_host, client_port = _client_address(entry)
    address = entry.address.strip("[]")
    key_path = None if entry.key is None else below(folder, entry.key)
    return Host(
        name=entry.name,
        address=address,
        port=entry.port,
        user=entry.user,
        become=NONE if entry.user == ROOT else entry.become,
        host_keys=_host_keys(entry, address, folder),
        client_key=None if key_path is None else private_key(key_path),
        key_path=None if key_path is None else str(key_path),
        peer_address=(entry.peer_address or entry.address).strip("[]"),
        peer_port=entry.peer_port,
        client_port=entry.client_port,
        client_host=client_host,
        client_reached_port=client_port,
        folder=entry.folder,
    )


def _host_keys(entry: _Entry, address: str, folder: Path) -> tuple[paramiko.PKey, ...]:
    if entry.host_key is not None:
        return pinned_host_key(entry.host_key)
    return known_host_keys(address, entry.port, entry.known_hosts, folder)


def _client_address(entry: _Entry) -> tuple[str, int]:
    """`client-address` is a host, or a host and a port: 10.0.0.1, 127.0.0.1:49153, [fd00::1]:8000."""
    if entry.client_address is None:
        return entry.address.strip("[]"), entry.client_port
    host, colon, port = entry.client_address.rpartition(":")
    if not colon or entry.client_address.endswith("]") or (":" in host.strip("[]") and not host.startswith("[")):
        host, port = entry.client_address, str(entry.client_port)
    if not _ADDRESS.fullmatch(host) or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise BadInput(
            f"'client-address' takes a host, or a host and a port as HOST:PORT, not {entry.client_address!r}"
        )
    return host.strip("[]"), int(port)


def _check_distinct(file: TomlFile, places: Sequence[str], hosts: Sequence[Host]) -> None:
    """No name twice; and packet filters tell nodes by their addresses."""
    kinds: list[tuple[str, Callable[[Host], Any]]] = [
        ("name", lambda host: host.name),
        ("address for other nodes", lambda host: host.peer_address),
        ("client address", lambda host: f"{host.client_host}:{host.client_reached_port}"),
    ]
    for what, of in kinds:
        seen: dict[Any, str] = {}
        for place, host in zip(places, hosts, strict=True):
            if of(host) in seen:
                hint = "" if what == "name" else ": give each host one of its own"
                raise file.error(place, f"it has the same {what} as {seen[of(host)]}, {of(host)}{hint}")
            seen[of(host)] = place
