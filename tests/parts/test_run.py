"""Views in batches, and a device that runs out of memory."""

import logging
from dataclasses import replace

import pytest
import torch

from muralist import DemoFusion, OutOfMemory
from muralist.canvas import Size, View
from muralist.run import Batches
from tests.laws.parts import Watched, network, normal, painted, query, toy_request

CANVAS = Size(20, 20)
VIEWS = [View(top, left, 8, 8) for top in (0, 4, 8, 12) for left in (0, 6, 12)]
CPU = torch.device("cpu")


class Device:
    """A network on a device with memory for so many views."""

    def __init__(self, room: int) -> None:
        self.room, self.rows = room, []

    def __call__(self, x, q):
        self.rows.append(len(x))
        if len(x) > self.room:
            raise torch.OutOfMemoryError("no memory on purpose")
        return network(x, q)


@pytest.mark.parametrize(
    ("size", "rows"), [(12, [12]), (16, [12]), (11, [6, 6]), (5, [4, 4, 4]), (1, [1] * 12)]
)
def test_batches_are_even_and_at_most_so_large(size, rows):
    device = Device(100)
    list(Batches(size, CPU)(device, normal(1, 3, *CANVAS), query(CANVAS), VIEWS))
    assert device.rows == rows


@pytest.mark.parametrize("room", [1, 2, 5, 11])
def test_a_batch_without_memory_is_asked_in_halves(room, caplog):
    x, q, device = normal(1, 3, *CANVAS), query(CANVAS), Device(room)
    runner = Batches(12, CPU)
    with caplog.at_level(logging.WARNING, logger="muralist"):
        parts = list(runner(device, x, q, VIEWS))
        refused = [rows for rows in device.rows if rows > room]
        again = list(runner(device, x, q, VIEWS))
    assert [rows for rows in device.rows if rows > room] == refused  # it has learnt
    assert len(caplog.records) == len(refused)
    assert "no memory for 12 views at once; 6 from now on" in caplog.messages[0]
    for answers in (parts, again):
        assert [view for view, _ in answers] == VIEWS
        for (_, ours), (_, expected) in zip(
            answers, Batches(12, CPU)(network, x, q, VIEWS), strict=True
        ):
            torch.testing.assert_close(ours, expected)


def test_a_device_without_memory_for_one_view_says_so():
    with pytest.raises(OutOfMemory, match="no memory for a single view of 8x8 latents"):
        list(Batches(12, CPU)(Device(0), normal(1, 3, *CANVAS), query(CANVAS), VIEWS))


def test_a_picture_survives_it():
    def short_of_memory(estimate, q):
        if len(estimate.x) > 2:
            raise torch.OutOfMemoryError("no memory on purpose")
        return estimate

    request = toy_request(DemoFusion())
    short = replace(request, model=Watched(request.model, short_of_memory))
    torch.testing.assert_close(painted(short).latents, painted(request).latents)
