"""The Debian that the node image stands on: present already, pulled, or bootstrapped where no registry answers."""

from __future__ import annotations

from typing import Any, Final

import docker
import docker.errors

from harness.cluster.engine import IMAGE_LABEL, reason, told
from harness.errors import CannotRun
from harness.image.bootstrap import Progress, bootstrapped

PREFERRED: Final = "debian:bookworm-slim"
BOOTSTRAPPED: Final = "raftstorm/base:bookworm"


def find_base(client: docker.DockerClient, progress: Progress) -> str:
    """The name of a base image that is present now. Raises CannotRun."""
    for name in (PREFERRED, BOOTSTRAPPED):
        if present(client, name):
            progress(f"base image: {name}")
            return name
    if _pull(client, progress):
        return PREFERRED
    _bootstrap(client, progress)
    return BOOTSTRAPPED


def present(client: docker.DockerClient, name: str) -> bool:
    with told(f"look for the image {name}"):
        try:
            client.images.get(name)
        except docker.errors.ImageNotFound:
            return False
    return True


def _pull(client: docker.DockerClient, progress: Progress) -> bool:
    progress(f"pulling {PREFERRED}")
    repository, tag = PREFERRED.split(":")
    try:
        client.images.pull(repository, tag=tag)
    except docker.errors.DockerException as error:
        progress(f"no registry answers ({reason(error)})")
        return False
    return True


def _bootstrap(client: docker.DockerClient, progress: Progress) -> None:
    repository, tag = BOOTSTRAPPED.split(":")
    changes = [f"LABEL {IMAGE_LABEL}=base", 'CMD ["/bin/sh"]']
    with bootstrapped(progress) as stream, told("import the bootstrapped base image"):
        progress(f"importing {BOOTSTRAPPED}")
        answer: Any = client.api.import_image(src=stream, repository=repository, tag=tag, changes=changes)
    if "errorDetail" in str(answer):
        raise CannotRun(f"Docker could not import the bootstrapped base image: {answer}.")
