"""Orders shared out: in order, a few at a time, and again when somebody dies."""

import logging
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from muralist import BadRequest, NotFinite, WorkersLost
from muralist.run.crew import Crew, Nobody
from tests.crews import Benches


def square(number):
    return number**2


def touchy(number):
    if number == 5:
        raise NotFinite("five is too much")
    return number


def strange(number):
    raise Strange(1, 2)


class Strange(Exception):
    """Cannot be pickled and made again."""

    def __init__(self, one, other):
        super().__init__("what a strange thing")


@dataclass(eq=False)
class Adds:
    to: torch.Tensor
    log: list = field(default_factory=list)

    def __call__(self, number):
        return float(self.to.sum()) + number


@settings(max_examples=60, deadline=None)
@given(
    workers=st.integers(0, 4),
    here=st.booleans(),
    orders=st.integers(0, 40),
    lives=st.dictionaries(st.integers(0, 3), st.integers(0, 6)),
)
def test_a_crew_maps_as_map_does_whoever_dies(workers, here, orders, lives):
    crew = Crew(Benches(workers, lives), here)
    expected = [number**2 for number in range(orders)]
    try:
        assert list(crew.map(square, range(orders))) == expected
    except WorkersLost:
        assert not here
        assert set(range(workers)) <= set(lives)


def test_answers_as_they_come_bear_the_numbers_of_their_orders():
    crew = Crew(Benches(3))
    assert dict(crew.completed(square, [5, 6, 7, 8])) == {0: 25, 1: 36, 2: 49, 3: 64}


@pytest.mark.parametrize("here", [False, True])
def test_nobody_has_more_than_two_orders(here):
    class Watched(Benches):
        most = 0

        def give(self, worker, task):
            super().give(worker, task)
            self.most = max(self.most, *self.loads)

    team = Watched(3)
    list(Crew(team, here).map(square, range(50)))
    assert team.most == 2


def test_nothing_is_begun_before_it_is_asked_for_and_little_ahead():
    begun = []

    def orders():
        for number in range(1000):
            begun.append(number)
            yield number

    answers = Crew(Benches(2)).map(square, orders())
    assert not begun
    assert [next(answers), next(answers)] == [0, 1]
    assert len(begun) <= 3 * 3 + 2  # three hands, and what was asked for
    answers.close()
    assert len(begun) < 1000


class Stalled(Exception):
    """Somebody waits for a worker that does not answer."""


def test_a_worker_that_never_answers_does_not_let_the_others_run_away():
    class Stuck(Benches):
        def heard(self, wait):
            if wait and not self.inboxes[1]:
                raise Stalled
            stuck, self.inboxes[0] = self.inboxes[0], deque()
            said = super().heard(wait)
            self.inboxes[0] = stuck
            return said

    done = []
    with pytest.raises(Stalled):
        for number, _ in Crew(Stuck(2)).completed(square, range(1000)):
            done.append(number)
    assert sorted(done) == [1, 2, 4, 5, 6, 7, 8]  # three for each hand, but for the two it holds


@pytest.mark.parametrize("orders", [3, 6, 9, 12])
def test_orders_are_shared_out_evenly(orders):
    team = Benches(2)
    list(Crew(team).map(square, range(orders)))
    done = Counter(given.worker for given in team.given)
    assert done == {0: orders // 3, 1: orders // 3}  # and as many here


@dataclass(frozen=True, eq=False)
class Noting:
    """Notes what the others have to do when this process does something."""

    team: Benches
    loads: list = field(default_factory=list)

    def __call__(self, number):
        self.loads.append(self.team.loads)
        return number**2

    def __reduce__(self):
        return partial, (square,)


def test_this_process_works_only_when_the_others_have_two_orders_each():
    here = Noting(Benches(2))
    assert list(Crew(here.team).map(here, range(30))) == [each**2 for each in range(30)]
    assert here.loads[:-1] == [[2, 2]] * (len(here.loads) - 1)  # at the end there are too few


def test_one_alone_is_map():
    crew, team = Crew(Nobody()), []
    assert list(crew.map(lambda number: team.append(number) or number, range(3))) == [0, 1, 2]
    assert len(crew) == 1


def test_an_error_of_ours_is_raised_here_with_its_class():
    crew = Crew(Benches(2), here=False)
    answers = crew.map(touchy, range(10))
    with pytest.raises(NotFinite, match="five is too much") as raised:
        list(answers)
    assert "in touchy" in str(raised.value.__cause__)  # where it happened
    assert list(crew.map(square, range(9))) == [each**2 for each in range(9)]  # and it goes on


def test_an_error_that_cannot_travel_is_told():
    with pytest.raises(Exception, match="a worker failed: Strange: what a strange thing"):
        list(Crew(Benches(1), here=False).map(strange, [1]))


def test_the_dead_are_told_of(caplog):
    with caplog.at_level(logging.WARNING, logger="muralist"):
        list(Crew(Benches(2, {0: 1})).map(square, range(9)))
    assert caplog.messages == ["a worker died; what it had to do is done by those left: 2"]


def test_when_all_are_dead_a_sentence_says_so():
    with pytest.raises(WorkersLost, match="all workers died"):
        list(Crew(Benches(2, {0: 1, 1: 2}), here=False).map(square, range(9)))


def test_two_maps_at_once_do_not_mix_their_answers():
    crew = Crew(Benches(2))
    doubled, squared = crew.map(partial(pow, 2), range(20)), crew.map(square, range(20))
    pairs = list(zip(doubled, squared, strict=True))
    assert pairs == [(2**number, number**2) for number in range(20)]


def test_a_map_that_is_left_leaves_nothing_to_the_next():
    crew = Crew(Benches(2), here=False)
    answers = crew.map(square, range(20))
    next(answers)
    answers.close()
    assert list(crew.map(partial(pow, 2), range(9))) == [2**number for number in range(9)]


def test_a_function_that_cannot_travel_is_refused():
    with pytest.raises(BadRequest, match="has to be importable"):
        list(Crew(Benches(1)).map(lambda number: number, range(9)))


def test_a_function_travels_once_to_each_worker():
    team, tensor = Benches(2), torch.ones(100_000)
    crew = Crew(team, here=False)
    for _ in range(5):
        list(crew.map(Adds(tensor), range(8)))  # another object, but an equal one
    first, later = team.given[:2], team.given[2:]
    assert all(given.function and given.tensors == 1 for given in first)
    assert not any(given.function or given.tensors for given in later)
    assert max(given.size for given in later) < 1000 < tensor.nbytes < first[0].size


def test_a_tensor_that_is_written_over_travels_again():
    team, tensor = Benches(1), torch.ones(100_000)
    crew = Crew(team, here=False)
    assert list(crew.map(Adds(tensor), [0])) == [100_000]
    tensor.mul_(2)
    assert list(crew.map(Adds(tensor), [0])) == [200_000]


def test_workers_forget_what_is_gone_here():
    team = Benches(1)
    crew = Crew(team, here=False)
    for value in range(4):
        expected = [value * 100_000 + number for number in range(3)]
        assert list(crew.map(Adds(torch.full((100_000,), float(value))), range(3))) == expected
    list(crew.map(square, [1]))
    (bench,) = team.benches
    assert not bench._tensors
    assert len(bench._functions) == 1


def test_a_worker_is_told_again_what_is_new_to_it_when_another_dies():
    team, tensor = Benches(2, {0: 1}), torch.ones(100_000)
    answers = Crew(team, here=False).map(Adds(tensor), range(6))
    assert list(answers) == [100_000.0 + number for number in range(6)]


def test_warming_up_is_nobodys_concern():
    crew = Crew(Benches(2))
    crew.warm(touchy, 5)
    assert list(crew.map(square, range(9))) == [each**2 for each in range(9)]


def test_closing_lets_the_team_go():
    team = Benches(2)
    with Crew(team) as crew:
        assert len(crew) == 3
    assert team.closed
