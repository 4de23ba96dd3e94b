"""A Docker daemon of a test's own: on its own socket, with its own data, in a network namespace of its own, so that its
packet filter is not this machine's either."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

DEADLINE_S = 60.0
NEEDED = ("dockerd", "unshare", "nsenter", "ip")


def why_not() -> str | None:
    """Why there can be none here."""
    if os.geteuid() != 0:
        return "a Docker daemon of the test's own takes root"
    missing = [program for program in NEEDED if shutil.which(program) is None]
    return f"a Docker daemon of the test's own takes {', '.join(missing)}" if missing else None


class Daemon:
    def __init__(self, folder: Path, storage_driver: str) -> None:
        self._folder = folder
        self._storage_driver = storage_driver
        self._process: subprocess.Popen[bytes] | None = None
        hold = "ip link set lo up && echo up && exec sleep infinity"
        self._namespace = subprocess.Popen(
            ["unshare", "--net", "--mount", "--kill-child", "sh", "-c", hold], stdout=subprocess.PIPE
        )
        assert self._namespace.stdout is not None
        assert self._namespace.stdout.readline() == b"up\n"
        (folder / "daemon.json").write_text("{}")

    @property
    def url(self) -> str:
        return f"unix://{self._folder}/docker.sock"

    @property
    def inside(self) -> Sequence[str]:
        """What starts a command where the daemon's published ports are."""
        return ["nsenter", f"--target={self._namespace.pid}", "--net"]

    def start(self) -> None:
        places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid", "config-file": "daemon.json"}
        options = [f"--{name}={self._folder / path}" for name, path in places.items()]
        options += [f"--host={self.url}", f"--storage-driver={self._storage_driver}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self.inside,
                    "--mount",
                    "dockerd",
                    f"--host={self.url}",
                    f"--storage-driver={self._storage_driver}",
                    *options,
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + DEADLINE_S
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the daemon does not answer"
            time.sleep(0.1)

    def stop(self) -> None:
        """Containers end with it. Safe to call twice."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(DEADLINE_S)
            self._process = None

    def close(self) -> None:
        self.stop()
        self._namespace.kill()
        self._namespace.communicate()

    def load(self, image: str) -> None:
        """From this machine's own engine."""
        saved = self._folder / "image.tar"
        subprocess.run(["docker", "save", "--output", str(saved), image], check=True)
        subprocess.run(["docker", "--host", self.url, "load", "--quiet", "--input", str(saved)], check=True)
        saved.unlink()

    def _answers(self) -> bool:
        asked = subprocess.run(["docker", "--host", self.url, "version"], capture_output=True, check=False)
        return asked.returncode == 0


def storage_driver() -> str:
    """Of this machine's engine."""
    said = subprocess.run(["docker", "info", "--format", "{{json .Driver}}"], capture_output=True, check=True).stdout
    return str(json.loads(said))
