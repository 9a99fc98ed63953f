"""Views in batches, and a device that runs out of memory."""

import logging
from dataclasses import dataclass, field, replace

import pytest
import torch

from muralist import DemoFusion, OutOfMemory
from muralist.canvas import Size, View, gather
from muralist.run import Batches
from muralist.run.copies import Answer, AtOnce, Pinned, copies
from tests.laws.parts import Watched, network, normal, painted, query, toy_request

CANVAS = Size(20, 20)
VIEWS = [View(top, left, 8, 8) for top in (0, 4, 8, 12) for left in (0, 6, 12)]
CPU = torch.device("cpu")


class Device:
    """A network on a device with memory for so many views."""

    def __init__(self, room: int, error: Exception | None = None) -> None:
        self.room, self.rows = room, []
        self.error = error or torch.OutOfMemoryError("no memory on purpose")

    def __call__(self, x, q):
        self.rows.append(len(x))
        if len(x) > self.room:
            raise self.error
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
    fits = max(rows for rows in device.rows if rows <= room)
    assert caplog.messages == [f"no memory for 12 views at once; {fits} from now on"]
    for answers in (parts, again):
        assert [view for view, _ in answers] == VIEWS
        for (_, ours), (_, expected) in zip(
            answers, Batches(12, CPU)(network, x, q, VIEWS), strict=True
        ):
            torch.testing.assert_close(ours, expected)


def test_a_device_without_memory_for_one_view_says_so():
    with pytest.raises(OutOfMemory, match="no memory for a single view of 8x8 latents"):
        list(Batches(12, CPU)(Device(0), normal(1, 3, *CANVAS), query(CANVAS), VIEWS))


def test_macs_run_out_of_memory_in_words():
    words = "MPS backend out of memory (MPS allocated: 8 GB, max allowed: 9 GB)"
    device = Device(5, RuntimeError(words))
    list(Batches(12, CPU)(device, normal(1, 3, *CANVAS), query(CANVAS), VIEWS))
    assert device.rows == [12, 6, 3, 3, 3, 3]


def test_other_errors_are_raised_as_they_are():
    device = Device(5, RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        list(Batches(12, CPU)(device, normal(1, 3, *CANVAS), query(CANVAS), VIEWS))
    assert device.rows == [12]


@dataclass(frozen=True)
class Recorded:
    """Copies that do not wait, as of CUDA, and say when they would."""

    ahead: int
    log: list[str] = field(default_factory=list)

    def gathered(self, x, views):
        self.log.append(f"gather {VIEWS.index(views[0]) // 4}")
        return gather(x, views)

    def there(self, patches, device):
        self.log.append("send")
        return patches

    def back(self, estimate, home, rows):
        return Answer(estimate, rows, Ready(self.log))


@dataclass(frozen=True)
class Ready:
    log: list[str]

    def synchronize(self) -> None:
        self.log.append("wait")


def test_a_batch_is_begun_before_the_answers_of_the_last_are_waited_for():
    def log(ahead: int) -> list[str]:
        copies = Recorded(ahead)
        runner = Batches(4, CPU, copies=lambda home, device: copies)
        x, q = normal(1, 3, *CANVAS), query(CANVAS)
        for number, (_, ours) in enumerate(runner(network, x, q, VIEWS)):
            torch.testing.assert_close(ours, network(VIEWS[number].crop(x), q.at([VIEWS[number]])))
            if number % 4 == 3:
                copies.log.append("used")
        return copies.log

    first, second, third = (["gather 0", "send"], ["gather 1", "send"], ["gather 2", "send"])
    used = ["wait", "used"]
    assert log(0) == [*first, *used, *second, *used, *third, *used]
    assert log(1) == [*first, *second, *used, *third, *used, *used]


def test_copies_overlap_where_a_canvas_in_host_memory_goes_to_cuda():
    cuda = torch.device("cuda")
    assert copies(CPU, cuda) == Pinned()
    assert copies(CPU, CPU) == copies(cuda, cuda) == copies(CPU, torch.device("mps")) == AtOnce()


@pytest.mark.gpu
def test_pinned_copies_bring_the_same(device):
    if device.type != "cuda":
        pytest.skip("copies overlap on CUDA")
    x, q = normal(1, 3, *CANVAS, dtype=torch.float32), query(CANVAS)
    ours, expected = (list(Batches(4, at)(network, x, q, VIEWS)) for at in (device, CPU))
    for (_, one), (_, other) in zip(ours, expected, strict=True):
        assert one.x.device == CPU
        torch.testing.assert_close(one, other)


def test_a_picture_survives_it():
    def short_of_memory(estimate, q):
        if len(estimate.x) > 2:
            raise torch.OutOfMemoryError("no memory on purpose")
        return estimate

    request = toy_request(DemoFusion())
    short = replace(request, model=Watched(request.model, short_of_memory))
    torch.testing.assert_close(painted(short).latents, painted(request).latents)
