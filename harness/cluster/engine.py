"""The Docker engine: reached or not, and its complaints in one sentence each."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import docker
import docker.errors
import requests

from harness.cluster.engine_address import host
from harness.errors import CannotRun

RUN_LABEL: Final = "raftstorm.run"
"""On every container, network and volume that a run makes: the run's name."""
OWNER_LABEL: Final = "raftstorm.owner"
"""Beside it: which process made it (harness.cluster.owner)."""
KEEP_LABEL: Final = "raftstorm.keep"
"""Beside it, where the cluster is meant to outlive its run (--keep)."""
NODE_LABEL: Final = "raftstorm.node"
"""On containers and volumes: the node's name."""
IMAGE_LABEL: Final = "raftstorm.image"
"""On every image of ours: base or node."""

_TIMEOUT_S: Final = 120
_POOL: Final = 32


def connect() -> docker.DockerClient:
    """A client of the engine that DOCKER_HOST names, or of this machine's; to be closed. Raises CannotRun."""
    try:
        _knock()
        return docker.from_env(version="auto", timeout=_TIMEOUT_S, max_pool_size=_POOL)
    except (docker.errors.DockerException, OSError) as error:
        raise CannotRun(_unreachable(error)) from error


def _knock() -> None:
    """Tries the engine's socket, if it is one. docker-py would lose an open socket where nobody answers."""
    scheme, _, path = host().partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(path)


@contextmanager
def told(doing: str) -> Iterator[None]:
    """What the engine complains of in the body becomes a CannotRun that says what was being done."""
    try:
        yield
    except docker.errors.DockerException as error:
        raise CannotRun(f"Docker could not {doing}: {reason(error)}.") from error
    except requests.RequestException as error:
        raise CannotRun(f"Docker stopped answering when asked to {doing}: {error}.") from error


def reason(error: docker.errors.DockerException) -> str:
    """The engine's own words in one line, without the dressing."""
    explanation = error.explanation if isinstance(error, docker.errors.APIError) else None
    return " ".join(str(explanation or error).split()).rstrip(".")


def _unreachable(error: BaseException) -> str:
    where = host()
    cause = _root_cause(error)
    if isinstance(cause, PermissionError):
        return f"Docker at {where} refuses this user: add the user to the group docker, or run as root."
    if isinstance(cause, OSError) and cause.strerror:
        return f"No Docker engine answers at {where} ({cause.strerror}): install Docker Engine and start it."
    return f"No Docker engine answers at {where}: {str(error).rstrip('.')}."


def _root_cause(error: BaseException) -> BaseException:
    """The exception that began it; some libraries hide it among another's arguments."""
    inner = error.__cause__ or error.__context__
    if inner is None:
        inner = next((part for part in error.args if isinstance(part, BaseException)), None)
    return error if inner is None else _root_cause(inner)
