"""What can be painted is put together without losing the rest."""

import pytest

from muralist.bench.benchmark import Benchmark
from muralist.bench.cases import Case
from muralist.bench.entrants import entrant
from muralist.bench.measured import Judge
from muralist.bench.trials import Workshop
from muralist.canvas import Size
from muralist.errors import BadRequest


def benchmark(folder, method: str, size: Size) -> Benchmark:
    workshop = Workshop(folder, {"model": "toy", "num_inference_steps": 1})
    judge = Judge(workshop=workshop, parts=("seams",), folder=folder)
    case = Case("a sea", 0, size)
    return Benchmark(judge=judge, entrants=(entrant(method),), cases=(case,))


def test_settings_that_do_not_suit_the_field_cost_no_results(tmp_path):
    """A stride of Stable Diffusion's is more than a window of the field's own model."""
    one = benchmark(tmp_path, "multidiffusion:stride=64", Size(32, 32))
    assert one._fields() == {}


@pytest.mark.parametrize("side", [16, 20])
def test_sizes_without_a_base_picture_are_refused(tmp_path, side):
    with pytest.raises(BadRequest, match="base picture"):
        benchmark(tmp_path, "multidiffusion", Size(side, side)).missing()
