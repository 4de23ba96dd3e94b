"""What a link does to packets, measured from its source: trains of pings, which the peer's kernel answers.

Rules of hindrances leave answers (ICMP echo replies) alone, so what is seen is done on the way there. Trains go out
until everything that is looked for has been seen on every link, or the time is over: a link that loses two packets in a
hundred takes longer to show it than one that loses half.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final

from harness.on_nodes.hindrance import Hindrance

TRAIN: Final = 20
SPACING_S: Final = 0.0005
PAUSE_S: Final = 0.02
"""Between two trains."""
SMALL_BYTES: Final = 56
LARGE_BYTES: Final = 1400
"""Where it is the width of the link that is measured."""
LARGE_TRAIN: Final = 6
OVERTAKEN_BY: Final = 3
"""So many later ones answered: a ping that is not is lost, where nothing overtakes."""
PATIENCE_S: Final = 0.25
"""For answers, beside the time that the hindrance takes."""
ENOUGH: Final = 12
"""Where none of so many pings is answered, none will be."""
CLEAN: Final = 8
"""Of so many pings in a row each is answered once, in order: nothing hinders the link."""
_REQUEST, _REPLY = 8, 0
_HEADER: Final = struct.Struct(">BBHHH")


class Train:
    """What has been seen of the pings to one peer. Times in seconds, of any clock."""

    def __init__(self, hindrance: Hindrance, link: Hindrance | None = None) -> None:
        """`hindrance`: what is looked for. `link`: all that the link does, where that is more."""
        self.hindrance = hindrance
        self.link = hindrance if link is None else link
        self._sent: list[float] = []
        self._answers: dict[int, list[float]] = {}
        self._order: list[int] = []
        """The numbers of answered pings, as the answers came: each at its first."""

    @property
    def large(self) -> bool:
        return bool(self.hindrance.bytes_per_s)

    @property
    def length(self) -> int:
        """How many pings make sense at once."""
        if self.hindrance == Hindrance():
            return CLEAN
        return LARGE_TRAIN if self.large else TRAIN

    def send(self, now_s: float) -> int:
        """The number of the next ping."""
        self._sent.append(now_s)
        return len(self._sent) - 1

    def answer(self, number: int, now_s: float) -> None:
        if number >= len(self._sent):
            return
        if number not in self._answers:
            self._order.append(number)
        self._answers.setdefault(number, []).append(now_s)

    @property
    def twice(self) -> int:
        return sum(len(times) > 1 for times in self._answers.values())

    @property
    def overtaken(self) -> int:
        """Answered after a later one."""
        highest, count = -1, 0
        for number in self._order:
            count += number < highest
            highest = max(highest, number)
        return count

    @property
    def patience_s(self) -> float:
        """What is not answered within it is lost."""
        return PATIENCE_S + self.usual_s + self.link.slow_s

    @property
    def usual_s(self) -> float:
        """What a ping that nothing overtakes takes at most."""
        return self.link.delay_s + self.link.jitter_s + (1.0 if self.link.bytes_per_s else 0.0)

    def lost(self, now_s: float) -> int:
        unanswered = [number for number in range(len(self._sent)) if number not in self._answers]
        return sum(
            now_s - self._sent[number] > self.patience_s or (not self.link.slow and self._passed(number))
            for number in unanswered
        )

    def _passed(self, number: int) -> bool:
        return sum(later > number for later in self._order[-OVERTAKEN_BY:]) == OVERTAKEN_BY

    @property
    def round_trips_s(self) -> list[float]:
        return [times[0] - self._sent[number] for number, times in self._answers.items()]

    @property
    def bytes_per_s(self) -> float | None:
        """What came through, of the trains of large pings."""
        arrivals = sorted(times[0] for times in self._answers.values())
        if not self.large or len(arrivals) < LARGE_TRAIN:
            return None
        spent_s = arrivals[LARGE_TRAIN - 1] - arrivals[0]
        return (LARGE_TRAIN - 1) * (LARGE_BYTES + 28) / max(spent_s, 1e-6)

    def shows(self, now_s: float) -> bool:
        """Whether everything that is looked for has been seen."""
        wanted, trips = self.hindrance, self.round_trips_s
        if wanted == Hindrance():
            return self.clean
        if wanted.clogged:
            return not trips and bool(self._sent) and now_s - self._sent[0] > PATIENCE_S
        return (
            (not (wanted.loss or wanted.corrupt) or self.lost(now_s) > 0)
            and (not wanted.duplicate or self.twice > 0)
            and (not wanted.slow or self.overtaken > 0)
            and (not wanted.delay_s or bool(trips))
            and (not wanted.jitter_s or (bool(trips) and max(trips) - min(trips) >= wanted.jitter_s / 2))
            and (not wanted.bytes_per_s or self.bytes_per_s is not None)
        )

    def silent(self, now_s: float) -> bool:
        """Nothing at all comes back: it makes no sense to go on."""
        return len(self._sent) >= ENOUGH and not self._answers and now_s - self._sent[0] > self.patience_s

    def done(self, now_s: float) -> bool:
        return self.shows(now_s) or self.silent(now_s)

    @property
    def clean(self) -> bool:
        latest = list(range(len(self._sent) - CLEAN, len(self._sent)))
        once = all(len(self._answers.get(number, ())) == 1 for number in latest)
        return len(self._sent) >= CLEAN and once and self._order[-CLEAN:] == latest

    def as_dict(self, now_s: float) -> dict[str, Any]:
        trips = self.round_trips_s
        told: dict[str, Any] = {
            "shown": self.shows(now_s),
            "sent": len(self._sent),
            "answered": len(self._answers),
            "lost": self.lost(now_s),
            "twice": self.twice,
            "overtaken": self.overtaken,
        }
        if trips:
            told["round_trip_ms"] = [
                round(1000 * each, 3) for each in (min(trips), sorted(trips)[len(trips) // 2], max(trips))
            ]
        if self.bytes_per_s is not None:
            told["bytes_per_s"] = round(self.bytes_per_s)
        return told


def measure(links: Mapping[str, Sequence[Mapping[str, Any]]], seconds: float) -> dict[str, dict[str, Any]]:
    """By peer's address: what is to be looked for, and all that the link does (fields of hindrances) -> what was seen.
    Ends as soon as all of it has been, and after so many seconds at the latest. Raises OSError."""
    trains = {address: Train(*(Hindrance(**fields) for fields in both)) for address, both in links.items()}
    pinging, ident = _open()
    with pinging:
        pinging.setblocking(False)
        _Measuring(pinging, ident, trains).run(monotonic() + seconds)
    now_s = monotonic()
    return {address: train.as_dict(now_s) for address, train in trains.items()}


def _open() -> tuple[socket.socket, int]:
    """A socket for pings and the identity of its requests. One that gets its own answers alone, where the kernel gives
    it: a raw one gets those of all who measure at the moment. Raises OSError."""
    try:
        pinging = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    except PermissionError:
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP), os.getpid() & 0xFFFF
    pinging.bind(("", 0))
    return pinging, pinging.getsockname()[1]


class _Measuring:
    def __init__(self, pinging: socket.socket, ident: int, trains: Mapping[str, Train]) -> None:
        self._socket = pinging
        self._trains = trains
        self._id = ident
        self._poll = select.poll()
        self._poll.register(pinging, select.POLLIN)

    def run(self, deadline_s: float) -> None:
        while left := [address for address, train in self._trains.items() if not train.done(monotonic())]:
            if monotonic() > deadline_s:
                return
            for index in range(TRAIN):
                for address in left:
                    if index < self._trains[address].length:
                        self._ping(address)
                self._listen(SPACING_S)
            self._listen(PAUSE_S)
            if any(self._waits(address) for address in left):
                self._wait_answers(left, deadline_s)

    def _waits(self, address: str) -> bool:
        """Whether another train would tell nothing before this one's answers have come."""
        link = self._trains[address].link
        return bool(link.bytes_per_s or link.delay_s or link.clogged)

    def _wait_answers(self, left: list[str], deadline_s: float) -> None:
        most_s = PATIENCE_S + max(self._trains[address].usual_s for address in left)
        until_s = min(deadline_s, monotonic() + most_s)
        while monotonic() < until_s and not all(self._trains[address].done(monotonic()) for address in left):
            self._listen(PAUSE_S)

    def _ping(self, address: str) -> None:
        train = self._trains[address]
        number = train.send(monotonic())
        try:
            self._socket.sendto(request(self._id, number, LARGE_BYTES if train.large else SMALL_BYTES), (address, 0))
        except OSError:
            return  # no route, or no buffer: it counts as lost

    def _listen(self, seconds: float) -> None:
        until_s = monotonic() + seconds
        while (left_s := until_s - monotonic()) > 0 and self._poll.poll(left_s * 1000):
            packet, (address, *_) = self._socket.recvfrom(1 << 16)
            answered = answer(packet, self._id)
            if answered is not None and address in self._trains:
                self._trains[address].answer(answered, monotonic())


def request(ident: int, number: int, size: int) -> bytes:
    """An ICMP echo request that carries so many bytes."""
    data = bytes(size - _HEADER.size)
    bare = _HEADER.pack(_REQUEST, 0, 0, ident, number & 0xFFFF) + data
    return _HEADER.pack(_REQUEST, 0, checksum(bare), ident, number & 0xFFFF) + data


def answer(packet: bytes, ident: int) -> int | None:
    """The number of the ping that a packet answers, with its IPv4 header or from ICMP's on. None: none of ours."""
    start = (packet[0] & 0x0F) * 4 if packet[0] >> 4 == 4 else 0
    number: int
    kind, _, _, answered, number = _HEADER.unpack_from(packet, start)
    return number if kind == _REPLY and answered == ident else None


def checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
