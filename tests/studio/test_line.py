"""Owners take turns; each one's pictures come as they were asked for."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from muralist.studio.line import in_turn, last_served
from muralist.studio.work import Record, Work


def work(name: str, owner: str, asked: float, served: float = 0.0) -> Work:
    record = Record(owner=owner, made=asked, settings={}, asked=asked, served=served)
    return Work(Path(name), record)


def names(works) -> list[str]:
    return [work.id for work in works]


def test_somebody_with_many_pictures_keeps_nobody_waiting_for_more_than_one():
    works = [work(f"a{number}", "a", number) for number in range(100)]
    works += [work("b0", "b", 200), work("c0", "c", 201)]
    assert names(in_turn(works, {}))[:5] == ["a0", "b0", "c0", "a1", "a2"]


def test_whoever_was_served_longest_ago_is_next():
    works = [work("a0", "a", 1), work("b0", "b", 2), work("c0", "c", 3)]
    assert names(in_turn(works, {"a": 30.0, "b": 10.0, "c": 20.0})) == ["b0", "c0", "a0"]


def test_served_is_the_last_time_of_each():
    works = [work("1", "a", 0, 5.0), work("2", "a", 0, 9.0), work("3", "b", 0)]
    assert last_served(works) == {"a": 9.0, "b": 0.0}


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 100)), max_size=30))
def test_nobody_is_lost_and_each_ones_order_is_kept(asked):
    works = [work(str(number), owner, at) for number, (owner, at) in enumerate(asked)]
    order = in_turn(works, {})
    assert sorted(names(order)) == sorted(names(works))
    for owner in "abcd":
        theirs = [each.record.asked for each in order if each.record.owner == owner]
        assert theirs == sorted(theirs)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 100)), max_size=30))
def test_at_every_moment_nobody_is_two_pictures_ahead_of_somebody_who_waits(asked):
    works = [work(str(number), owner, at) for number, (owner, at) in enumerate(asked)]
    order = [each.record.owner for each in in_turn(works, {})]
    for end in range(len(order)):
        waiting = set(order[end:])
        counts = [order[:end].count(owner) for owner in waiting]
        assert not counts or max(counts) - min(counts) <= 1
