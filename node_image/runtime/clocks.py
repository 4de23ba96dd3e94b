"""The clocks that the process reads. CLOCK_MONOTONIC drives everything; the time of day may be under attack."""

from __future__ import annotations

import time

from node_image.driver.effects import Clocks


def read_clocks() -> Clocks:
    return Clocks(time.monotonic(), time.time())
