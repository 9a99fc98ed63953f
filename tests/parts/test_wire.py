"""What goes to another process arrives as it was, and no more than it."""

import numpy as np
import pytest
import torch

from muralist.run.wire import packed, unpacked

KINDS = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int16, torch.bool)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (1, 4, 6, 5)])
def test_tensors_arrive_as_they_were(dtype, shape):
    tensor = (100 * torch.randn(shape)).to(dtype)
    ((arrived,),) = unpacked(packed([(tensor,)]))
    assert arrived.dtype == dtype and torch.equal(arrived, tensor)


def test_a_view_travels_without_what_it_is_a_view_of():
    canvas = torch.randn(1, 4, 512, 512)
    view = canvas[..., 10:18, 20:28]
    parcel = packed(view)
    assert torch.equal(unpacked(parcel), view)
    assert parcel.size < view.nbytes + 1000


def test_what_arrives_can_be_written_to():
    for arrived in (unpacked(packed(torch.ones(3))), unpacked(through_bytes(torch.ones(3)))):
        arrived += 1
        assert arrived.tolist() == [2, 2, 2]


def through_bytes(thing):
    """Packed, with parts that are read-only, as some transports hand them over."""
    parcel = packed(thing)
    return parcel._replace(parts=[bytes(part) for part in parcel.parts])


def test_arrays_and_plain_things_travel_too():
    thing = {"pixels": np.arange(12, dtype=np.uint8).reshape(3, 4), "name": "red", "n": (1, None)}
    arrived = unpacked(packed(thing))
    assert np.array_equal(arrived.pop("pixels"), thing.pop("pixels"))
    assert arrived == thing


def test_devices_go_by_their_kind():
    assert unpacked(packed(torch.device("cuda", 3))) == torch.device("cuda")


def test_known_tensors_go_by_their_numbers():
    known, other = torch.ones(1000), torch.zeros(2)
    parcel = packed([known, other], known=lambda each: 7 if each is known else None)
    assert parcel.size < 1000
    arrived = unpacked(parcel, {7: known})
    assert arrived[0] is known and torch.equal(arrived[1], other)
