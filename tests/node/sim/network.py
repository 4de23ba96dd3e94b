"""A network that delays, loses, duplicates, reorders and cuts. Messages travel as `driver.wire`'s bytes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from node_image.driver.wire import PeerMessage, decode, encode
from tests.node.sim.scheduler import Scheduler

Deliver = Callable[[str, str, PeerMessage], None]


@dataclass
class Weather:
    """How links behave. Probabilities, and seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    slow: float = 0.0
    """How often a message takes `slow_s` at most, so that later ones overtake it."""
    delay_s: float = 0.002
    slow_s: float = 0.3


@dataclass
class Network:
    scheduler: Scheduler
    rng: random.Random
    deliver: Deliver
    weather: Weather = field(default_factory=Weather)
    cut: set[tuple[str, str]] = field(default_factory=set)
    """(from, to): one way each."""
    sent: int = 0

    def send(self, sender: str, to: str, message: PeerMessage) -> None:
        self.sent += 1
        data = encode(message)
        copies = 1 + (self.rng.random() < self.weather.duplicate)
        for _ in range(copies):
            if self.rng.random() >= self.weather.loss:
                self.scheduler.after(self.delay(), lambda: self._arrive(sender, to, data))

    def delay(self) -> float:
        if self.rng.random() < self.weather.slow:
            return self.rng.random() * self.weather.slow_s
        return self.weather.delay_s * (0.5 + self.rng.random())

    def _arrive(self, sender: str, to: str, data: bytes) -> None:
        if (sender, to) not in self.cut:
            self.deliver(sender, to, decode(data))
