"""Networks are made by one thread at a time: libraries change torch's defaults meanwhile."""

from concurrent.futures import ThreadPoolExecutor, wait

import pytest
import torch

import muralist
from muralist.models.alone import ALONE
from muralist.models.cards import card
from muralist.models.weightless import weightless


def without_weights() -> object:
    return weightless("shapes", card("shapes"), torch.float32)


@pytest.mark.parametrize("make", [muralist.load, without_weights])
def test_whoever_makes_networks_waits_for_whoever_does(make):
    with ThreadPoolExecutor(1) as thread:
        with ALONE:
            made = thread.submit(make)
            assert not wait([made], timeout=0.3).done
        assert made.result() is not None


def test_networks_made_by_many_leave_torch_as_it_was():
    with ThreadPoolExecutor(4) as threads:
        made = [threads.submit(make) for make in (muralist.load, without_weights) * 4]
        assert all(each.result() is not None for each in made)
    assert torch.get_default_dtype() == torch.float32
