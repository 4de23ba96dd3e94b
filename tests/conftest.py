"""Tests marked `docker` need an engine and the node image. Where either cannot be had they are skipped, with the reason
that a user would be told; the image is built by the first process that wants it, while the others wait."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import docker
import pytest
from hypothesis import settings

from harness.errors import CannotRun
from harness.image import ensure

settings.register_profile("raftstorm", deadline=None)  # how long an example takes says what else the machine does
settings.load_profile("raftstorm")


@pytest.fixture
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For commands that write below the folder in which they are started."""
    monkeypatch.chdir(tmp_path)


@cache
def image_or_reason() -> tuple[str | None, str]:
    try:
        return ensure(lambda line: None), ""
    except CannotRun as error:
        return None, str(error)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: those of a module bring clusters up."""
    if item.get_closest_marker("docker") is not None:
        image, reason = image_or_reason()
        if image is None:
            pytest.skip(reason)


@pytest.fixture(scope="session")
def node_image() -> str:
    """The node image's name. For tests marked `docker`."""
    image, reason = image_or_reason()
    if image is None:
        pytest.skip(reason)
    return image


@pytest.fixture
def name() -> str:
    """Of a run that is this test's own."""
    return f"test-{uuid4().hex[:8]}"


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    """For tests marked `docker`."""
    client = docker.from_env()
    yield client
    client.close()
