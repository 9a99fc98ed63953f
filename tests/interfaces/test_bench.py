"""`muralist bench`: painted, measured, written down, and gone on with."""

import json
from contextlib import chdir
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from muralist.bench import trials
from muralist.bench.catalogue import unknown
from muralist.bench.detector import Detector
from muralist.bench.duplicates import duplicates
from muralist.bench.results import Results, read
from muralist.bench.shades import pixels
from muralist.bench.vision import load
from muralist.cli import main
from tests.bench.tiny import save_dinov2, save_owlvit

FEW = ("--methods", "multidiffusion", "--sizes", "256x128", "--prompts", "captions.txt")
TOY = ("--model", "toy", "--methods", "multidiffusion", "--sizes", "48x32", "--steps", "2")
CAPTIONS = "a red circle on a blue background\na green ring on a white background\n"
SEAS = ("--prompts", "prompts.txt")


@pytest.fixture(autouse=True)
def _some_prompts(_in_an_empty_folder):
    Path("prompts.txt").write_text("a sea\n\na lighthouse at dusk\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Of a small benchmark by the embedded model."""
    out = tmp_path_factory.mktemp("bench") / "out"
    typed = ["bench", *FEW, "--out", str(out)]
    out.mkdir()
    (out / "captions.txt").write_text(CAPTIONS)
    with (
        chdir(out),
        mock.patch("sys.argv", ["muralist", *typed]),
        pytest.raises(SystemExit) as exit_,
    ):
        main(typed)
    assert exit_.value.code in (0, None)
    return out


@pytest.fixture
def results(folder) -> Results:
    return read(folder / "results.json")


def measures(results: Results, entrant: str) -> list[dict[str, float]]:
    return [dict(row.measures) for row in results.of(entrant, "256x128")]


def test_everything_is_there(folder, results):
    assert set(results.entrants.values()) == {"method", "ablation", "control"}
    assert {row.entrant for row in results.rows} == set(results.entrants)
    assert not unknown(results)
    for name in ("report.md", "report.html", "results.json"):
        assert (folder / name).stat().st_size > 1000
    assert all((folder / one.file).exists() for one in results.shown)
    assert "muralist bench --methods multidiffusion" in (folder / "report.md").read_text()


def test_the_enlarged_base_repeats_nothing_and_is_exposed_by_its_detail(results):
    for one in measures(results, "enlarged"):
        assert one["repetition.excess"] == one["repetition.missing"] == 0
        assert one["repetition.index"] == 0
        assert one["truth.detail"] < 0.7  # plain objects have their outlines alone to lose


def test_a_tiled_copy_repeats_as_much_as_can_be_and_shows_its_seams(results):
    for one in measures(results, "copied"):
        assert one["repetition.index"] == 1
        assert one["repetition.excess"] == one["repetition.base"] * 3
        assert one["seams.views"] > 2


def test_the_truth_is_true(results):
    for one in measures(results, "truth"):
        assert one["repetition.excess"] == one["repetition.missing"] == 0
        assert one["truth.adherence"] == one["truth.detail"] == 1
        assert 0.9 < one["seams.views"] < 1.1
    distances = {name: results.group(name, "256x128") for name in results.entrants}
    for name in ("truth.frechet_patches", "truth.kernel_patches"):
        assert distances["truth"][name] == min(one[name] for one in distances.values())


def test_methods_pay_and_controls_do_not(results):
    (one, *_), (other, *_) = measures(results, "multidiffusion"), measures(results, "copied")
    assert one["cost.evaluations"] == 3 * 25  # windows half a side apart, steps
    assert not [name for name in other if name.startswith("cost")]


def test_what_is_painted_is_not_painted_again(folder, run, monkeypatch):
    """And the same command writes the same numbers, but for what the machine took."""
    before = read(folder / "results.json")
    Path("captions.txt").write_text(CAPTIONS)
    monkeypatch.setattr(trials, "generate", None)
    code, out, _ = run("bench", *FEW, "--out", folder)
    assert (code, out.splitlines()[-1]) == (0, str(folder / "report.html"))
    after = read(folder / "results.json")
    assert (after.rows, after.groups, after.fields) == (before.rows, before.groups, before.fields)


def test_of_prompts_without_a_truth_seams_and_cost_are_measured(run):
    code, out, _ = run("bench", *TOY, *SEAS, "--out", "sea", "--json")
    assert code == 0
    assert json.loads(out.splitlines()[-1]) == {
        "event": "finished",
        "results": "sea/results.json",
    }
    found = read(Path("sea/results.json"))
    assert {row.prompt for row in found.rows} == {"a sea", "a lighthouse at dusk"}
    assert "truth" not in found.entrants
    (row, *_) = found.of("multidiffusion", "48x32")
    assert {name.split(".")[0] for name in row.measures} == {"repetition", "seams", "cost"}
    enlarged, copied = (
        found.of(name, "48x32")[0].measures["repetition.sharpness"]
        for name in ("enlarged", "copied")
    )
    assert enlarged < 0.7 * copied  # what nobody has painted is exposed where no truth is known
    assert found.groups == ()


@pytest.fixture(scope="module")
def looking(tmp_path_factory) -> dict[str, Path]:
    """Folders of tiny models that look at pictures."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("dinov2", "owlvit")}
    return {"dinov2": save_dinov2(folders["dinov2"]), "owlvit": save_owlvit(folders["owlvit"])}


@pytest.fixture(scope="module")
def looked(looking, tmp_path_factory) -> Path:
    """Of a benchmark of another model's pictures, at which those look."""
    folder = tmp_path_factory.mktemp("looked")
    look(looking, folder)
    return folder


def look(looking: dict[str, Path], folder: Path, *options: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "prompts.txt").write_text("a sea\na lighthouse at dusk\n")
    models = ["--features", looking["dinov2"], "--detector", looking["owlvit"], "--words", "cat"]
    typed = ["bench", "repetition", "seams", *TOY, *SEAS, *models, *options, "--out", "out"]
    with chdir(folder), pytest.raises(SystemExit) as exit_:
        main([str(each) for each in typed])
    assert exit_.value.code in (0, None)


def test_objects_of_any_model_are_counted_by_features_and_by_a_detector(looked, looking):
    """As many as the same models find in the files."""
    found, features = read(looked / "out/results.json"), load(looking["dinov2"])
    detector = Detector.load(looking["owlvit"])
    for row in found.of("multidiffusion", "48x32"):
        base, large = (
            pixels(np.asarray(Image.open(file)))
            for folder in ("native/16x10", "multidiffusion/48x32")
            for file in (looked / "out/pictures" / folder).glob(f"*-{row.seed}.png")
        )
        (more,) = detector.excess(large, base, ["cat"]).values()
        assert row.measures["repetition.detected"] == max(more, 0)
        assert row.measures["repetition.duplicates"] == duplicates(large, base, features)
    assert any(row.measures["repetition.detected"] for row in found.rows)
    for name in ("detected", "duplicates"):
        assert f"| {name} (95 %) |" in (looked / "out/report.md").read_text()


def test_two_workers_find_what_one_does(looked, looking, tmp_path):
    """Models that look and the random field among it."""
    look(looking, tmp_path / "both", "--workers", "2")
    alone, both = (read(folder / "out/results.json") for folder in (looked, tmp_path / "both"))
    assert (both.rows, both.fields, both.shown) == (alone.rows, alone.fields, alone.shown)
    assert both.fields and "2 process(es)" in both.facts["machine"]


def test_parts_can_be_asked_for_alone(run):
    code, _, _ = run("bench", "cost", *TOY, *SEAS, "--count", "1", "--out", "few")
    found = read(Path("few/results.json"))
    names = {name.split(".")[0] for row in found.rows for name in row.measures}
    assert (code, names, found.groups, found.fields) == (0, {"cost"}, (), {})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["speed"], "there is no part 'speed'"),
        (["--sizes", "128x128"], "128x128 is not larger"),
        (["--sizes", "big"], "WIDTHxHEIGHT"),
        (["--methods", "multidifusion"], "multidiffusion"),
        (["--methods", "multidiffusion", "multidiffusion"], "twice"),
        (["--count", "0"], "count"),
        (["--seeds", "0"], "seeds"),
        (["--prompts", "none.txt"], "none.txt cannot be read"),
        (["--features", "nowhere"], "nowhere"),
        (["--detector", "nowhere", "--words", "cat"], "nowhere"),
        (["--words", "cat"], "detector"),
        (["--workers", "0"], "workers is 0"),
        (["--prompts", "empty.txt"], "holds no prompts"),
        (["--model", "toy", "--sizes", "64x64"], "--prompts"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_painted(run, options, words):
    Path("empty.txt").write_text("\n \n")
    code, _, err = run("bench", *options, "--out", "none")
    assert code == 2
    assert words in err
    assert "Traceback" not in err
    assert not Path("none").exists()


def test_pictures_that_were_painted_otherwise_are_refused(run):
    run("bench", "cost", *TOY, *SEAS, "--out", "few")
    code, _, err = run("bench", "cost", *TOY[:-1], "3", *SEAS, "--out", "few")
    assert code == 2
    assert "num_inference_steps" in err
