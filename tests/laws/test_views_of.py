"""The views that a step is said to ask about are those that a run asks about."""

import pytest

from muralist.errors import BadRequest
from muralist.planning import views_of
from tests.laws.parts import METHODS, TOY, Watched, events, toy_request


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_views_of_every_step_are_the_runs_own(method):
    """In their order, wherever in the canvas a part has moved them, windows and subsamplings."""
    watched = Watched(TOY)
    request = toy_request(method, model=watched, height=24, width=40)
    started = events(request)[0]
    asked = []
    for q in watched.asked:
        size = started.sizes[q.stage - 1]
        down, right = size.height - q.canvas.height, size.width - q.canvas.width
        asked += [(q.stage, q.step.index, view.moved(down, right)) for view in q.places]
    said = [
        (stage, step, view)
        for stage, steps in enumerate(started.steps, start=1)
        for step in range(-steps, 0)
        for view in views_of(request, stage, step + steps + 1)
    ]
    last = len(request.schedule.steps)
    assert said == [(stage, step - last, view) for stage, step, view in asked]


@pytest.mark.parametrize(
    ("stage", "step", "message"),
    [
        (0, 1, "stage is 0; 1 to 3 are painted"),
        (4, 1, "stage is 4; 1 to 3 are painted"),
        (2, 0, "step is 0; stage 2 takes 1 to 4"),
        (2, 5, "step is 5; stage 2 takes 1 to 4"),
    ],
)
def test_stages_and_steps_that_are_not_there_are_refused(stage, step, message):
    request = toy_request(height=48, width=48, num_inference_steps=4)
    with pytest.raises(BadRequest, match=message):
        views_of(request, stage, step)
