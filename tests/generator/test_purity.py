"""Generators are values: asking changes nothing, and one seed gives one history."""

from __future__ import annotations

import pytest

from checkers.events import Event
from harness import generator as gen
from harness.generator.simulation import simulate, uneven

R, W = {"f": "r"}, {"f": "w"}


def draw(context: gen.Context) -> dict[str, object]:
    return {"f": "w", "value": context.rng.randrange(1000)}


def everything() -> gen.Generator:
    keyed = gen.independent(
        lambda n: f"k{n}", lambda key: gen.mix([gen.repeat(R), draw]), processes_per_key=3, ops_per_key=7
    )
    main = gen.reserve((2, gen.flip_flop(gen.repeat(R), gen.cycle([W, R]))), gen.stagger(0.01, keyed))
    return gen.phases(
        gen.time_limit(3, gen.rate(80, main)),
        gen.until_ok(gen.repeat(R)),
        gen.each_process([R, gen.limit(2, draw)]),
        gen.limit(5, gen.delay(0.1, gen.repeat(W))),
    )


class AskedTwice:
    """Asks its generator twice each time, with the dice thrown anew, and insists on the same answer."""

    def __init__(self, inner: gen.Generator) -> None:
        self.inner = inner

    def next(self, context: gen.Context) -> gen.Step:
        fresh = gen.Context(
            context.time,
            context.free,
            context.all,
            context.processes,
            context.concurrency,
            gen.Dice(context.dice._seed, context.dice._step),
        )
        first, second = self.inner.next(fresh), self.inner.next(context)
        assert isinstance(first, tuple) == isinstance(second, tuple)
        if isinstance(first, tuple) and isinstance(second, tuple):
            assert first[0] == second[0]
            return second[0], AskedTwice(second[1])
        assert first == second
        return second

    def update(self, context: gen.Context, event: Event) -> gen.Generator:
        return AskedTwice(self.inner.update(context, event))


@pytest.mark.parametrize("seed", range(3))
def test_asking_changes_nothing(seed: int) -> None:
    outcome = uneven(0.05, info=0.05)
    asked_once = simulate(everything(), concurrency=6, outcome=outcome, seed=seed, most_events=5000)
    assert simulate(AskedTwice(everything()), concurrency=6, outcome=outcome, seed=seed, most_events=5000) == asked_once
    assert len(asked_once) > 100


def test_one_seed_one_history() -> None:
    def history(seed: int) -> list[Event]:
        return simulate(everything(), concurrency=6, outcome=uneven(0.05), seed=seed, most_events=5000)

    assert history(1) == history(1)
    assert history(1) != history(2)


def test_dice_fall_evenly() -> None:
    counts = [0] * 7
    for step in range(7000):
        counts[gen.Dice(5, step).below(7)] += 1
    assert all(850 < count < 1150 for count in counts)
    assert 0.48 < sum(gen.Dice(5, step).random() for step in range(5000)) / 5000 < 0.52
