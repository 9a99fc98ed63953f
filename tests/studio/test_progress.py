"""How far a picture has come follows from its events."""

import pytest

import muralist
from muralist import Ticked
from muralist.planning import work
from muralist.studio.progress import Course
from tests.laws.parts import toy_request


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_share_grows_with_the_evaluations_and_time_left_follows():
    request = toy_request(muralist.DemoFusion(), height=48, width=40, num_inference_steps=5)
    clock, cost = Clock(), work(request)
    course, shares, done = Course(cost, clock), [], 0.0
    for event in muralist.generate(request):
        if isinstance(event, Ticked):
            done = cost.done(event.stage - 1, event.step)
            clock.now = 1000 + 2 * done  # two seconds each, after a slow start
        course.read(event)
        if isinstance(event, Ticked):
            shares.append(course.now.share)
            assert course.now.share == pytest.approx(done / cost.evaluations)
            if len(shares) > 1:
                assert course.now.seconds_left == pytest.approx(2 * (cost.evaluations - done))
            else:
                assert course.now.seconds_left is None  # the first step warms everything up
    assert shares == sorted(shares) and len(shares) == 15
    assert course.now.words == "saving the picture" and course.now.share == 1


def test_what_was_done_before_takes_no_time_now():
    request = toy_request(muralist.DemoFusion(), height=48, width=40, num_inference_steps=5)
    clock, cost = Clock(), work(request)
    course = Course(cost, clock)
    course.read(muralist.Resumed(1, 2))
    assert course.now.share == pytest.approx(cost.done(1, 2) / cost.evaluations)
    assert course.now.seconds_left is None
    for step in (3, 4):
        clock.now += 3 * (cost.done(1, step) - cost.done(1, step - 1))
        course.read(Ticked(2, step, 5, 0.0, None, None))  # type: ignore
    assert course.now.seconds_left == pytest.approx(3 * (cost.evaluations - cost.done(1, 4)))
