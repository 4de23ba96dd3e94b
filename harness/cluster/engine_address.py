"""Where the Docker engine is, as far as its address says, without asking it."""

from __future__ import annotations

import os
import sys


def is_here() -> bool:
    """Whether the engine shares this machine's kernel, as far as its address says. (Docker Desktop's does not.)"""
    return sys.platform == "linux" and host().startswith("unix://")


def host() -> str:
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
