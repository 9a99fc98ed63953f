"""What can be painted is put together without losing the rest."""

from dataclasses import replace

import pytest

from muralist.bench import trials
from muralist.bench.benchmark import Benchmark
from muralist.bench.cases import Case, cases
from muralist.bench.entrants import entrant
from muralist.bench.measured import Judge, Judged
from muralist.bench.results import Row, Shown
from muralist.bench.trials import Workshop
from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.run.crew import Crew, Nobody

ALONE = Crew(Nobody())


def benchmark(folder, method: str, *sizes: Size) -> Benchmark:
    workshop = Workshop(folder, {"model": "toy", "num_inference_steps": 1})
    judge = Judge(workshop=workshop, parts=("seams",), folder=folder)
    painted = tuple(Case("a sea", 0, size) for size in sizes)
    return Benchmark(judge=judge, entrants=(entrant(method),), cases=painted)


def test_settings_that_do_not_suit_the_field_cost_no_results(tmp_path):
    """A stride of Stable Diffusion's is more than a window of the field's own model."""
    one = benchmark(tmp_path, "multidiffusion:stride=64", Size(32, 32))
    assert one._fields(ALONE) == {}


def test_a_native_picture_is_painted_once_for_all_sizes_of_a_ratio(tmp_path):
    one = benchmark(tmp_path, "demofusion", Size(32, 32), Size(48, 48), Size(24, 48))
    native = [trial.case.size for trial in one.missing() if trial.entrant.name == "native"]
    assert native == [Size(16, 16), Size(8, 16)]


def test_what_is_measured_was_painted_before(tmp_path, monkeypatch):
    """Base pictures of methods that have none, and those that controls are made of, too."""
    one = benchmark(tmp_path, "multidiffusion", Size(32, 32))
    assert list(one.painted(ALONE, one.missing())) and not one.missing()
    monkeypatch.setattr(trials, "generate", lambda *_, **__: pytest.fail("painted"))
    judged = list(one.judged(ALONE))
    assert [each.row.entrant for each in judged] == [
        "enlarged",
        "copied",
        "multidiffusion",
        "multidiffusion, no crops",
    ]


def test_of_many_pictures_the_first_prompts_are_shown_each_with_its_first_seed(tmp_path):
    """At every size, and by everybody; the others lie beside them."""
    one = benchmark(tmp_path, "multidiffusion")
    prompts, sizes = [f"sea {number}" for number in range(6)], [Size(32, 32), Size(16, 32)]
    judge = replace(one.judge, parts=("cost",))
    many = replace(one, judge=judge, cases=tuple(cases(prompts, 2, sizes)))
    judged = [made_up(case, name) for case in many.cases for name in ("enlarged", "copied")]
    results = many.results(judged, ALONE, {})
    assert [(shown.prompt, shown.seed, shown.size) for shown in results.shown[::2]] == [
        (prompt, number, size)
        for number, prompt in enumerate(prompts[:4])
        for size in ("32x32", "32x16")
    ]
    assert [shown.entrant for shown in results.shown[:2]] == ["enlarged", "copied"]
    assert len(results.rows) == len(judged) == 48


def made_up(case: Case, name: str) -> Judged:
    whose = {"entrant": name, "size": str(case.size), "prompt": case.prompt, "seed": case.seed}
    return Judged(Row(**whose, measures={}, curves={}), None, Shown(**whose, file="none"))


@pytest.mark.parametrize("side", [16, 20])
def test_sizes_without_a_base_picture_are_refused(tmp_path, side):
    with pytest.raises(BadRequest, match="base picture"):
        benchmark(tmp_path, "multidiffusion", Size(side, side)).missing()
