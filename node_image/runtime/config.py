"""The configuration file of one node process, in JSON.

    {"node": "n1", "members": {"n1": "10.0.0.2:7000", "n2": "10.0.0.3:7000"}, "client": "0.0.0.0:8000",
     "peer": "0.0.0.0:7000", "data": "/var/lib/raftstorm", "trace": "/var/log/raftstorm/trace.jsonl",
     "voters": ["n1", "n2"], "bug": null, "election_timeout_s": 0.5}

`members` are the addresses at which the nodes' peer ports are reached; `client` and `peer` are what this one listens
on; `data` is a folder and `trace` a file (left out: no trace). `voters` are those that vote at the very beginning, the
same in every node's file (left out: all members). Everything else is a field of `driver.NodeConfig`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from node_image.driver.config import NodeConfig


class BadConfig(Exception):
    """`str(error)` is one sentence."""


class Address(NamedTuple):
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessConfig:
    node: NodeConfig
    members: dict[str, Address]
    client: Address
    peer: Address
    data: Path
    trace: Path | None


def read_config(path: Path) -> ProcessConfig:
    """Raises BadConfig."""
    try:
        fields = json.loads(path.read_bytes())
    except OSError as error:
        raise BadConfig(f"cannot read the configuration {path}: {error.strerror}") from None
    except ValueError as error:
        raise BadConfig(f"the configuration {path} is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise BadConfig(f"the configuration {path} must be one JSON object")
    try:
        return _process_config(fields)
    except KeyError as error:
        raise BadConfig(f"the configuration {path} lacks {error.args[0]}") from None
    except (TypeError, ValueError) as error:
        raise BadConfig(f"the configuration {path} cannot work: {error}") from None


def _process_config(fields: dict[str, Any]) -> ProcessConfig:
    members = _members(fields.pop("members"))
    if fields["node"] not in members:
        raise ValueError(f"node {fields['node']!r} is not one of the members")
    trace = fields.pop("trace", None)
    voters = fields.pop("voters", None)
    return ProcessConfig(
        members=members,
        client=parse_address(fields.pop("client")),
        peer=parse_address(fields.pop("peer")),
        data=Path(fields.pop("data")),
        trace=None if trace is None else Path(trace),
        node=NodeConfig(peers=frozenset(members), voters=_voters(voters), **fields),
    )


def _voters(names: Any) -> frozenset[str] | None:
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("voters must be a list of names")
    return frozenset(names)


def _members(addresses: Any) -> dict[str, Address]:
    if not isinstance(addresses, dict):
        raise ValueError("members must be an object of names and addresses")
    return {name: parse_address(address) for name, address in addresses.items()}


def parse_address(text: str) -> Address:
    """`host:port`. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{text!r} is not an address of the form host:port")
    return Address(host.strip("[]"), int(port))
