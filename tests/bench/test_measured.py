"""Counts never stand alone."""

import pytest

from muralist.bench.cases import Case, captions
from muralist.bench.measured import Judge
from muralist.bench.samples import Control
from muralist.bench.trials import Workshop
from muralist.canvas import Size


@pytest.mark.parametrize(("part", "told"), [("repetition", True), ("truth", True), ("cost", False)])
def test_detail_is_measured_wherever_objects_are_counted(tmp_path, part, told):
    judge = Judge(workshop=Workshop(tmp_path, {"model": "shapes"}), parts=(part,), folder=tmp_path)
    case = Case(captions(1)[0], 0, Size(256, 256))
    measures = judge(Control("truth", case)).row.measures
    assert ("truth.detail" in measures) is told
    assert ("repetition.excess" in measures) is (part == "repetition")
