"""The image's name follows from its content alone."""

from __future__ import annotations

import io
import tarfile
from importlib.metadata import PackageNotFoundError

import pytest

from harness import faketime
from harness.errors import CannotRun
from harness.image import BuildContext, build_context, default_tag
from harness.image.context import variant_context

FILES = {"Dockerfile": b"FROM x", "rootfs/usr/local/bin/node-start": b"#!/bin/sh", "node_image/a.py": b"a"}


def test_digest_is_the_same_for_the_same_content() -> None:
    assert BuildContext(FILES).digest == BuildContext(dict(reversed(FILES.items()))).digest


@pytest.mark.parametrize(
    "changed",
    [
        {**FILES, "node_image/a.py": b"b"},
        {**FILES, "node_image/b.py": b""},
        {path: content for path, content in FILES.items() if path != "Dockerfile"},
        {**FILES, "Dockerfile": b"FROM xnode_image/a.py", "node_image/a.py": b""},
    ],
)
def test_digest_notices_every_change(changed: dict[str, bytes]) -> None:
    assert BuildContext(changed).digest != BuildContext(FILES).digest


def test_archive_depends_on_content_alone() -> None:
    archive = BuildContext(FILES).tar()
    assert archive == BuildContext(dict(reversed(FILES.items()))).tar()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert {member.name: member.mode for member in tar} == {
            "Dockerfile": 0o644,
            "node_image/a.py": 0o644,
            "rootfs/usr/local/bin/node-start": 0o755,
        }


def test_this_installations_context() -> None:
    files = build_context().files
    assert default_tag() == f"raftstorm/node:{build_context().digest}"
    assert {"Dockerfile", "node_image/runtime/__main__.py", "node_image/bugs.py"} <= files.keys()
    assert files["rootfs/usr/local/lib/raftstorm/libfaketime.so.1"].startswith(b"\x7fELF")
    assert not [path for path in files if "__pycache__" in path or path.startswith("node_image/bin")]


def test_a_variant_has_more_packages_and_a_name_that_follows_from_them() -> None:
    variant = variant_context(["etcd-server", "curl"])
    assert b"install --no-install-recommends curl etcd-server" in variant.files["Dockerfile"]
    assert variant.digest == variant_context(["curl", "etcd-server"]).digest != variant_context(["curl"]).digest


def test_without_libfaketime(monkeypatch: pytest.MonkeyPatch) -> None:
    def files(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(faketime, "files", files)
    with pytest.raises(CannotRun, match="pip install libfaketime"):
        build_context()
