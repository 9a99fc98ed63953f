"""Pictures are held against what their captions say, drawn."""

from dataclasses import replace

import pytest

from muralist.bench import truth
from muralist.bench.cases import Case, captions
from muralist.bench.controls import enlarged
from muralist.bench.samples import Control, Sample, sampled, true_pictures
from muralist.bench.trials import Workshop
from muralist.bench.truth import described, distances, share, sharpness, truths_of
from muralist.canvas import Size

CAPTION = "a striped orange ring on a purple background"


@pytest.fixture
def sample(tmp_path) -> Sample:
    """The true one."""
    case = Case(CAPTION, 0, Size(256, 256))
    return sampled(Workshop(tmp_path, {"model": "shapes"}), Control("truth", case))


def blurred(sample: Sample) -> Sample:
    return sample._replace(large=enlarged(sample.base, sample.case.size))


def test_the_truth_has_all_of_its_detail_and_an_enlargement_little(sample):
    assert share(sample) == 1
    assert share(blurred(sample)) < 0.5


def test_without_a_truth_copies_have_all_of_the_detail_and_an_enlargement_little(sample):
    copied = sample._replace(large=sample.base.repeat(1, 2, 2))
    assert sharpness(copied) == 1
    assert sharpness(blurred(sample)) < 0.5


def test_the_true_picture_of_a_case_is_drawn_once_for_everybody(sample, monkeypatch):
    drawn = []

    def counted(case, size, count):
        drawn.append(case)
        return true_pictures(case, size, count)

    monkeypatch.setattr(truth, "true_pictures", counted)
    other = replace(sample.case, seed=7)
    for case in (other, other, replace(other, seed=8), other):
        share(sample._replace(case=case))
    assert drawn == [other, replace(other, seed=8)]


def test_true_ones_are_others_than_the_controls(sample):
    (control,) = true_pictures(sample.case, sample.case.size, 1)
    found = truths_of(sample.case, 3)
    assert found.whole.shape == (3, 64) and found.patches.shape == (3 * 16, 64)
    assert not any(row.equal(described(control).whole[0]) for row in found.whole)


def test_true_pictures_are_nearer_to_others_than_enlarged_ones_are():
    """In patches, where detail counts."""
    cases = [Case(caption, 0, Size(256, 256)) for caption in captions(4)]
    true = [truths_of(case, 2) for case in cases]
    controls = [true_pictures(case, case.size, 1)[0] for case in cases]
    small = [true_pictures(case, Size(128, 128), 1)[0] for case in cases]
    near = distances([described(one) for one in controls], true)
    far = distances([described(enlarged(one, Size(256, 256))) for one in small], true)
    for name in ("truth.frechet_patches", "truth.kernel_patches"):
        assert near[name] < far[name]
