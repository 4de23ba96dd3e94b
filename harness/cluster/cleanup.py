"""Taking away what runs left on this machine: `raftstorm clean`, and the beginning of every run.

Everything that a run makes in Docker carries its name and its owner (harness.cluster.owner) as labels, and all of a
local cluster is told by the run's folder (harness.cluster.local), so nothing else is ever touched. A cluster whose
owner still lives is in use and stays, unless it is asked for by force; so does one without an owner's label, which
raftstorm did not make. One that was left up on purpose (--keep) goes with `raftstorm clean`, not with the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import docker
import docker.errors

from harness.cluster.engine import IMAGE_LABEL, KEEP_LABEL, OWNER_LABEL, RUN_LABEL, connect, told
from harness.cluster.local import folders
from harness.cluster.owner import alive
from harness.errors import CannotRun

_AT_ONCE: Final = 8

Chosen = Callable[[Mapping[str, str]], bool]
"""Whether the thing with these labels is to go."""


@dataclass
class Cleaned:
    """Names of what was removed, and of runs whose cluster is in use and stayed."""

    containers: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    local: list[str] = field(default_factory=list)
    in_use: list[str] = field(default_factory=list)
    engine: str = ""
    """Why nothing was looked for in Docker, where that is so."""

    def __bool__(self) -> bool:
        return bool(self.containers or self.networks or self.volumes or self.images or self.local)


def clean(*, force: bool = False, images: bool = False) -> Cleaned:
    """Removes leftovers of all runs, clusters left up by --keep included; `force`: those in use too; `images`: node
    images of former versions too. Raises CannotRun."""
    cleaned = Cleaned(local=folders.remove_all(folders.abandoned() + (folders.in_use() if force else [])))
    if not force:
        cleaned.in_use = [folder.name for folder in folders.in_use()]
    try:
        client = connect()
    except CannotRun as error:
        if images:
            raise
        cleaned.engine = str(error)
        return cleaned
    with closing(client):
        _add(cleaned, remove(client, (lambda labels: True) if force else _abandoned))
        if not force:
            cleaned.in_use += _in_use(client)
        if images:
            cleaned.images = _remove_old_images(client)
    return cleaned


def _add(cleaned: Cleaned, more: Cleaned) -> None:
    cleaned.containers, cleaned.networks, cleaned.volumes = more.containers, more.networks, more.volumes


def clean_crashed(client: docker.DockerClient) -> Cleaned:
    """What every run on Docker does first: removes clusters whose harness died without a word."""
    return remove(client, _crashed)


def leftovers(client: docker.DockerClient) -> list[str]:
    """Runs whose harness is gone and of which something is still there."""
    with told("list what runs have left"):
        things = [
            *client.api.containers(all=True, filters={"label": RUN_LABEL}),
            *client.api.networks(filters={"label": RUN_LABEL}),
            *(client.api.volumes(filters={"label": RUN_LABEL})["Volumes"] or []),
        ]
    return sorted({thing["Labels"][RUN_LABEL] for thing in _chosen(things, _abandoned)})


def remove_run(client: docker.DockerClient, name: str) -> Cleaned:
    """Everything of one run. Raises CannotRun where something of it is left."""
    return remove(client, lambda labels: True, run=name)


def remove(client: docker.DockerClient, chosen: Chosen, *, run: str | None = None) -> Cleaned:
    """Containers first, with their anonymous volumes; then what they held on to."""
    filters: dict[str, Any] = {"label": RUN_LABEL if run is None else f"{RUN_LABEL}={run}"}
    cleaned = Cleaned()
    with told("remove a cluster"):
        containers = client.api.containers(all=True, filters=filters)
        cleaned.containers = _each(_chosen(containers, chosen), "Names", lambda name: _remove_container(client, name))
        networks = client.api.networks(filters=filters)
        cleaned.networks = _each(_chosen(networks, chosen), "Id", client.api.remove_network)
        volumes = client.api.volumes(filters=filters)["Volumes"] or []
        cleaned.volumes = _each(_chosen(volumes, chosen), "Name", lambda name: client.api.remove_volume(name, True))
    return cleaned


def _chosen(things: Iterable[Mapping[str, Any]], chosen: Chosen) -> list[Mapping[str, Any]]:
    return [thing for thing in things if chosen(thing["Labels"] or {})]


def _each(things: list[Mapping[str, Any]], key: str, remove_one: Callable[[str], object]) -> list[str]:
    """Removes them all at once and returns their names. One that went by itself meanwhile is as good as removed."""

    def remove_it(thing: Mapping[str, Any]) -> str:
        identity = thing[key]
        name = identity[0].lstrip("/") if isinstance(identity, list) else identity
        with suppress(docker.errors.NotFound):
            remove_one(name)
        return str(thing.get("Name", name))

    if not things:
        return []
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return sorted(threads.map(remove_it, things))


def _remove_container(client: docker.DockerClient, name: str) -> None:
    try:
        client.api.remove_container(name, force=True, v=True)
    except docker.errors.APIError as error:
        if error.status_code != 409:  # "removal is already in progress": somebody else's, which ends as well
            raise


def _abandoned(labels: Mapping[str, str]) -> bool:
    return OWNER_LABEL in labels and not alive(labels[OWNER_LABEL])


def _crashed(labels: Mapping[str, str]) -> bool:
    return _abandoned(labels) and KEEP_LABEL not in labels


def _in_use(client: docker.DockerClient) -> list[str]:
    with told("list the containers of runs"):
        containers = client.api.containers(all=True, filters={"label": RUN_LABEL})
    return sorted({container["Labels"][RUN_LABEL] for container in containers})


def _remove_old_images(client: docker.DockerClient) -> list[str]:
    """Node images but the current one and its variants. Those that a container still uses stay."""
    from harness.image import REPOSITORY, default_tag

    removed = []
    with told("remove old images"):
        for image in client.images.list(name=REPOSITORY, filters={"label": f"{IMAGE_LABEL}=node"}):
            for tag in image.tags:
                if not tag.startswith(default_tag()):
                    with suppress(docker.errors.APIError):
                        client.images.remove(tag)
                        removed.append(tag)
    return sorted(removed)
