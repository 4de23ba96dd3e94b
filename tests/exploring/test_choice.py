"""What is tried next."""

from __future__ import annotations

from collections import Counter

from harness.exploring.choice import Blind, Learner
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
    seeds = Counter("fresh" if choice.seed == 100 + choice.number else choice.seed for choice in choices)
    assert 160 < seeds["fresh"] < 240
    assert seeds[2] > 5 * seeds[1] > 0
    assert set(seeds) == {"fresh", 1, 2}


def test_energy_goes_down_with_every_variation() -> None:
    learner = taught()
    for number in range(30, 130):
        learner.saw(outcome(2, states=(1,), number=number, parent=2))
    seeds = Counter(learner.choose(number).seed for number in range(400))
    assert seeds[1] > seeds[2]


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
