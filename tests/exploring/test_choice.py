"""What is tried next."""

from __future__ import annotations

from collections import Counter
from itertools import count

import pytest

from harness.exploring.choice import Blind, Learner
from harness.exploring.trial import Outcome
from harness.world.streams import parse_fork
from tests.exploring.simulated import outcome


def test_blind_takes_seed_after_seed() -> None:
    blind = Blind(100)
    assert blind.saw(outcome(100, states=(1, 2))) == 2
    assert blind.saw(outcome(101, states=(2, 3))) == 1
    assert [blind.choose(number).seed for number in range(3)] == [100, 101, 102]
    assert [blind.choose(number).fork for number in range(3)] == [(), (), ()]


def test_a_learner_without_anything_new_takes_fresh_seeds() -> None:
    learner = Learner(100)
    learner.saw(outcome(100))
    assert [learner.choose(number).seed for number in range(1, 4)] == [101, 102, 103]


def test_fresh_seeds_are_those_of_blind_and_none_is_left_out() -> None:
    """Also by a learner that goes on with what another one saw."""
    learner, seen = Learner(100), list[Outcome]()
    for number in range(60):
        resumed = Learner(100)
        for earlier in seen:
            resumed.saw(earlier)
        choice = learner.choose(number)
        assert resumed.choose(number) == choice
        states = (1, 2 + number)
        seen.append(outcome(choice.seed, states=states, number=number, parent=choice.parent, fork=choice.fork))
        learner.saw(seen[-1])
    fresh = [outcome.seed for outcome in seen if outcome.parent is None]
    assert fresh == list(range(100, 100 + len(fresh)))
    assert 10 < len(fresh) < 50


def taught() -> Learner:
    """Seed 1 was where everybody has been since, seed 2 where nobody else was."""
    learner = Learner(100)
    learner.saw(outcome(1, states=(1, 2), number=1))
    learner.saw(outcome(2, states=(1, 9), number=2))
    for seed in range(3, 30):
        learner.saw(outcome(seed, states=(1, 2), number=seed))
    return learner


def test_a_learner_varies_what_is_rare_and_still_takes_fresh_seeds() -> None:
    choices = [taught().choose(number) for number in range(400)]
    seeds = Counter("fresh" if choice.parent is None else choice.seed for choice in choices)
    assert 160 < seeds["fresh"] < 240
    assert seeds[2] > 5 * seeds[1] > 0
    assert set(seeds) == {"fresh", 1, 2}


def test_energy_goes_down_with_every_variation() -> None:
    learner = taught()
    for number in range(30, 130):
        learner.saw(outcome(2, states=(1,), number=number, parent=2))
    seeds = Counter(learner.choose(number).seed for number in range(400))
    assert seeds[1] > seeds[2]


def test_energy_is_that_of_all_that_is_rare_together() -> None:
    """Nearly every trial was somewhere where no other was: what counts is at how many such places."""
    learner = Learner(100)
    learner.saw(outcome(1, states=(1, 2), number=1))
    learner.saw(outcome(2, states=(1, 3), number=2))
    learner.saw(outcome(3, states=(1, 4, 5, 6, 7, 8, 9), number=3))
    seeds = Counter(learner.choose(number).seed for number in range(600))
    assert seeds[3] > 3 * seeds[2] > 0


@pytest.mark.parametrize(("fresh", "varied", "least", "most"), [(8, 0, 60, 100), (0, 8, 300, 340), (4, 4, 180, 220)])
def test_turns_go_to_what_brings_something_new(fresh: int, varied: int, least: int, most: int) -> None:
    """`fresh`, `varied`: new states of a trial. The turns of variations, of 400."""
    learner, states = Learner(100), count(100)
    learner.saw(outcome(1, states=(1, 2)))
    for number in range(1, 41):
        parent = 0 if number % 2 else None
        new = tuple(next(states) for _ in range(fresh if parent is None else varied))
        learner.saw(outcome(1, states=(1, *new), number=number, parent=parent))
    variations = sum(learner.choose(number).parent is not None for number in range(400))
    assert least <= variations <= most


def test_forks_are_rather_early() -> None:
    """What comes before a fork is known to find nothing."""
    learner = Learner(100)
    learner.saw(outcome(1, states=(4, 16)))
    forks = [parse_fork(choice.fork[-1]) for n in range(400) if (choice := learner.choose(n)).fork]
    early, late = (sum(low < fork.at_s <= low + 1 for fork in forks) for low in (3.0, 15.0))
    assert early > 2 * late > 0


def test_a_variation_forks_before_the_rare_state_or_changes_one_kind_of_choices() -> None:
    forks = [parse_fork(choice.fork[-1]) for n in range(200) if (choice := taught().choose(n)).seed == 2]
    late = [fork for fork in forks if not fork.streams]
    assert late
    assert all(8.0 <= fork.at_s <= 9.0 for fork in late)
    assert {fork.streams for fork in forks} >= {(), ("nemesis",), ("swarm",), ("generator",)}


def test_variations_of_variations_do_not_grow_for_ever() -> None:
    learner = Learner(100)
    for state in range(1, 40):
        forks = tuple(f"{number}:1" for number in range(1, 5))
        learner.saw(outcome(1, states=(state,), fork=forks))
    assert all(len(learner.choose(number).fork) <= 4 for number in range(100))
