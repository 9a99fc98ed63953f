"""The command line, on the toy model: what it paints, says, refuses, and leaves behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from muralist.cli import main
from muralist.sinks import read_settings

LOAD = "muralist.cli.painting.load"  # what commands call for a model


def size_of(path: str | Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def pixels_of(path: str | Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


TOY = ("--model", "toy", "--size", "48x32", "--steps", "4")


def test_paint_writes_a_picture_of_the_size_asked_for(run):
    code, out, _ = run("paint", "a sea", *TOY, "--out", "sea.png")
    assert code == 0
    assert out.startswith("sea.png: 48x32 pixels, seed 0")
    assert size_of("sea.png") == (48, 32)


def test_paint_keeps_every_stage_where_it_is_told_to(run):
    run("paint", "a sea", *TOY, "--out", "sea.png", "--stages", "stages")
    sizes = [size_of(path) for path in sorted(Path("stages").iterdir())]
    assert sizes == [(16, 10), (32, 21), (48, 32)]
    assert pixels_of("stages/stage-3.png") == pixels_of("sea.png")


@pytest.mark.parametrize("name", ["sea.tif", "sea.dzi"])
def test_giant_formats_carry_settings_that_paint_the_same_again(run, name):
    code, out, _ = run("paint", "a sea", *TOY, "--seed", "3", "--out", name)
    assert (code, out.startswith(f"{name}: 48x32 pixels")) == (0, True)
    assert json.loads(run("info", name, "--json")[1])["seed"] == 3
    run("paint", "--like", name, "--out", "again.png")
    run("paint", "a sea", *TOY, "--seed", "3", "--out", "sea.png")
    assert read_settings("again.png") == read_settings(name)
    assert pixels_of("again.png") == pixels_of("sea.png")


@pytest.mark.parametrize("name", ["s.tif", "s.dzi"])
def test_a_sheet_can_be_of_any_format(run, name):
    assert run("sheet", "a sea", *TOY, "--vary", "seed=1,2", "--out", name)[0] == 0
    assert read_settings(name)["sheet"] == ["seed 1", "seed 2"]


def test_a_disk_that_is_clearly_too_small_is_refused_before_painting(run, monkeypatch):
    """512x512 pixels are 0.75 MiB while they are painted, if in a file, and less when written.

    The job's canvas and what is looked back on are 3 MiB each, twice.
    """
    monkeypatch.setattr(LOAD, lambda *_, **__: pytest.fail("loaded a model"))
    monkeypatch.setattr("muralist.sinks.spool.IN_MEMORY", 0)
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=13 * 2**20))
    arguments = ("paint", "x", "--model", "toy", "--size", "512x512", "--method", "multidiffusion")
    code, _, err = run(*arguments, "--out", "x.tif")
    assert code == 2
    assert err == (
        "muralist: x.tif takes about 13.2 MiB of disk until it is written, and"
        f" {Path.cwd()} has 13.0 MiB free\n"
    )
    with pytest.raises(pytest.fail.Exception, match="loaded a model"):
        main([*arguments, "--out", "x.dzi"])  # 12.8 MiB


def test_paint_without_a_file_name_never_overwrites(run):
    for name in ("picture.png", "picture-2.png", "picture-3.png"):
        _, out, _ = run("paint", "a sea", *TOY)
        assert out.startswith(name)


def test_paint_like_a_picture_paints_it_again(run):
    run("paint", "a sea", *TOY, "--out", "a.png", "--seed", "5", "--set", "sigma=0.5")
    run("paint", "--like", "a.png", "--out", "b.png")
    assert read_settings("a.png") == read_settings("b.png")
    assert pixels_of("a.png") == pixels_of("b.png")


def test_paint_like_a_picture_with_one_thing_changed(run):
    run("paint", "a sea", *TOY, "--out", "a.png", "--set", "sigma=0.5")
    run("paint", "--like", "a.png", "--seed", "6", "--set", "cosine-scale-1=2", "--out", "b.png")
    before, after = read_settings("a.png"), read_settings("b.png")
    assert after == {**before, "seed": 6, "method": {**before["method"], "cosine_scale_1": 2.0}}
    assert pixels_of("a.png") != pixels_of("b.png")


def places_of(small: Path | str, large: Path | str) -> list[tuple[int, int]]:
    """Where one picture shows in another, pixel for pixel."""
    with Image.open(small) as one, Image.open(large) as other:
        panel, sheet = np.asarray(one.convert("RGB")), np.asarray(other.convert("RGB"))
    height, width = panel.shape[:2]
    return [
        (top, left)
        for top in range(sheet.shape[0] - height + 1)
        for left in range(sheet.shape[1] - width + 1)
        if np.array_equal(sheet[top : top + height, left : left + width], panel)
    ]


def test_a_sheet_shows_one_prompt_at_several_values_side_by_side(run):
    code, out, _ = run(
        "sheet", "a sea", *TOY, "--method", "pixelsmith", "--vary", "slider=1,4", "--out", "s.png"
    )
    assert code == 0
    assert "slider 1, slider 4" in out
    for value in (1, 4):
        run("paint", "a sea", *TOY, "--slider", value, "--out", f"{value}.png")
        assert read_settings(f"{value}.png")["method"]["slider"] == value
    ((first_top, first),), ((second_top, second),) = (
        places_of(f"{n}.png", "s.png") for n in (1, 4)
    )
    assert first_top == second_top and first + 48 <= second
    assert read_settings("s.png")["sheet"] == ["slider 1", "slider 4"]


@pytest.mark.parametrize(
    "vary",
    ["seed=1,2", "guidance_scale=1,3", "jitter=0,2", "steps=1,2", "method=demofusion,pixelsmith"],
)
def test_a_sheet_varies_what_a_request_is_made_of_and_any_methods_settings(run, vary):
    assert run("sheet", "a sea", *TOY, "--vary", vary)[0] == 0
    assert size_of("sheet.png")[0] > 2 * 48


def test_a_slider_is_pixelsmiths(run):
    run("paint", "a sea", *TOY, "--slider", "2", "--out", "sea.png")
    assert read_settings("sea.png")["method"]["name"] == "pixelsmith"


def test_paint_explains_what_words_and_windows_were_about(run):
    folder = Path(__file__).parents[1] / "data" / "tiny-sdxl"
    arguments = ("--model", folder, "--size", "512x256", "--steps", "2", "--method", "accdiffusion")
    code, _, _ = run("paint", "a red cat", *arguments, "--out", "cat.png", "--explain", "why")
    assert code == 0
    assert sorted(path.name for path in Path("why").iterdir()) == [
        "stage-1-words.png",
        "stage-2-views.png",
    ]
    # a map and a mask of three words, in one row; three windows in one row
    assert size_of("why/stage-1-words.png")[0] > 6 * 256
    assert size_of("why/stage-2-views.png")[0] > 3 * 256


def test_a_method_without_reasons_explains_nothing(run):
    assert run("paint", "a sea", *TOY, "--out", "sea.png", "--explain", "why")[0] == 0
    assert not Path("why").exists()


def test_info_prints_the_settings_inside_a_picture(run):
    run("paint", "a sea", *TOY, "--out", "a.png", "--seed", "5")
    _, out, _ = run("info", "a.png", "--json")
    assert json.loads(out)["seed"] == 5
    _, out, _ = run("info", "a.png")
    assert "a sea" in out
    assert "name=demofusion" in out


def test_json_tells_of_the_start_every_step_every_stage_and_the_end(run):
    code, out, _ = run("paint", "a sea", *TOY, "--out", "a.png", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    kinds = [event["event"] for event in events]
    assert code == 0
    assert kinds[0] == "started"
    assert kinds[-1] == "finished"
    assert kinds.count("step") == 3 * 4
    assert kinds.count("begun") == kinds.count("stage") == 3
    assert events[-1]["settings"] == read_settings("a.png")


def test_methods_lists_every_method_with_its_settings(run):
    _, out, _ = run("methods", "--json")
    listed = {one["name"]: one["settings"] for one in map(json.loads, out.splitlines())}
    assert "stride" in {setting["name"] for setting in listed["demofusion"]}
    _, out, _ = run("methods", "multidiffusion")
    assert "Bar-Tal" in out
    assert "Du et al." not in out


def test_plan_knows_the_cost_of_sdxl_without_having_it(run):
    _, out, _ = run("plan", "demofusion", "--model", "sdxl", "--size", "4096x4096", "--json")
    told = json.loads(out)
    assert told["evaluations"] == 5650
    assert told["samples"] == 11300
    _, out, _ = run("plan", "--model", "sdxl", "--size", "4096x4096")
    assert "5,650 network evaluations" in out


def test_plan_tells_bytes_by_place_and_purpose(run):
    options = ("--model", "toy", "--size", "64x64", "--canvas", "ram", "--out", "a.tif")
    told = json.loads(run("plan", "demofusion", *options, "--json")[1])
    assert told["host"] == {"canvases": told["canvas_bytes"], "pixels": 64 * 64 * 3}
    assert sum(told["canvases"].values()) == told["canvas_bytes"]
    assert told["device_bytes"] == 0 and told["seconds"] is None
    _, out, _ = run("plan", "demofusion", *options)
    for line in ("canvases: canvas 48 KiB, reference 96 KiB", "host memory:", "disk:"):
        assert line in out


def test_a_plan_of_half_precision_takes_half(run):
    wide, narrow = (
        json.loads(run("plan", "--size", "256x256", *options, "--json")[1])
        for options in (("--device", "cpu"), ("--device", "cuda"))
    )
    assert (wide["dtype"], narrow["dtype"]) == ("float32", "float16")
    # but for positions, which are whole numbers
    assert wide["device"]["weights"] == pytest.approx(2 * narrow["device"]["weights"], rel=1e-3)


def test_plan_foretells_the_time(run):
    _, out, _ = run("plan", *TOY[:4], "--steps", "2", "--calibrate")
    assert "time: about" in out and "of measurement" in out
    told = json.loads(run("plan", *TOY[:4], "--steps", "2", "--calibrate", "--json")[1])
    assert told["seconds"]["total"] > 0
    assert len(told["seconds"]["stages"]) == len(told["stages"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["paint", "x", "--method", "demofuson"], "did you mean demofusion?"),
        (["paint", "x", "--size", "0x0"], "height is 0"),
        (["paint", "x", "--size", "48"], "WIDTHxHEIGHT"),
        (["paint", "x", "--size", ""], "WIDTHxHEIGHT"),
        (["paint", "x", "--model", "sdxl", "--size", "513x512"], "513x512 pixels is not possible"),
        (["paint", "x", "--set", "stride=17"], "stride is 17 latent cells; 1 to 16"),
        (["paint", "x", "--set", "strid=3"], "did you mean stride?"),
        (["paint", "x", "--set", "stride"], "NAME=VALUE"),
        (["paint", "x", "--set", "sigma=nan"], "sigma is nan; a number from 0.001 to 100"),
        (["paint", "x", "--set", "stride=two"], "stride is 'two'; a whole number"),
        (["paint", "x", "--set", "strength=0"], "strength is 0.0; a number from 0.001 to 1"),
        (["paint", "x", "--steps", "-3"], "num_inference_steps is -3"),
        (["paint", "x", "--steps", "1001"], "1 to 1000"),
        (["paint", "x", "--seed", "-1"], "seed is -1"),
        (["paint", "x", "--batch-size", "0"], "batch_size is 0"),
        (["paint", "x", "--guidance-scale", "nan"], "guidance_scale is nan"),
        (
            ["paint", "x", "--guidance-rescale", "2"],
            "guidance_rescale is 2.0; a number from 0 to 1",
        ),
        (["paint", "x", "--guidance-interval", "0.8", "0.2"], "guidance_interval is 0.8 to 0.2"),
        (["paint", "x", "--solver", "quick"], "ddim or euler or dpmpp2m"),
        (["sheet", "x", "--vary", "slider"], "--vary slider has no value"),
        (
            ["sheet", "x", "--vary", "seed=a"],
            "seed is 'a'; a whole number from 0 to 9223372036854775807 is needed",
        ),
        (["sheet", "x", "--vary", "slidr=1", "--method", "pixelsmith"], "did you mean slider?"),
        (["sheet", "x", "--vary", "seed=1", "--out", "x.gif"], "x.gif should end in"),
        (["paint", "x", "--slider", "0"], "slider is 0; a whole number of at least 1"),
        (["paint", "x", "--slider", "3", "--method", "demofusion"], "has no setting 'slider'"),
        (["plan", "--size", "99999999x8"], "width is 99999999"),
        (["paint", "x", "--out", "x.gif"], "should end in .png, .jpg, .jpeg, .webp, .tif, .tiff"),
        (["paint", "x", "--size", "20000x16", "--out", "x.webp"], ".tif and .dzi hold any size"),
        (["paint", "x", "--out", "/proc/none/x.png"], "cannot be written"),
        (["paint", "x", "--stages", "/proc/none"], "cannot be written"),
        (["paint", "x", "--model", "no/such/model"], "no such folder"),
        (["paint", "x", "--model", "nothing"], "there is no model 'nothing'"),
        (["paint", "x", "--dtype", "int8"], "dtype is 'int8'"),
        (["paint", "x", "--device", "quantum"], "device 'quantum'"),
        (["paint", "x", "--like", "none.png"], "there is no file none.png"),
        (["paint"], "there is no prompt"),
        (["paint", "x", "--sede", "3"], "--sede"),
        (["info", "none.png"], "there is no file none.png"),
        (["plan", "multidifusion"], "did you mean multidiffusion?"),
        (["plan", "--dtype", "int8"], "dtype is 'int8'"),
        (["plan", "--device", "quantum"], "device is 'quantum'"),
        (["plan", "--out", "x.gif"], "x.gif should end in"),
        (["plan", "--batch-size", "0"], "batch_size is 0"),
        (["methods", "none"], "there is no method 'none'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_gets_one_sentence_and_exit_code_2_before_anything_is_loaded(
    run, monkeypatch, arguments, sentence
):
    monkeypatch.setattr(LOAD, lambda *_, **__: pytest.fail("loaded a model"))
    if arguments[0] == "paint" and "--model" not in arguments:
        arguments = [*arguments, "--model", "toy"]
    code, out, err = run(*arguments)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
    assert out == ""
    assert list(Path.cwd().iterdir()) == []


def test_a_picture_without_settings_is_refused(run):
    Image.new("RGB", (4, 4)).save("plain.png")
    code, _, err = run("info", "plain.png")
    assert (code, err) == (2, "muralist: plain.png holds no settings of muralist\n")


def test_a_full_disk_leaves_nothing_broken():
    """No file of this process may grow beyond 500 bytes: it is the system that says so."""
    program = """
import resource
from muralist.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
main(["paint", "x", "--model", "toy", "--size", "160x160", "--steps", "1", "--out", "a.png"])
"""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 1
    sentence = "muralist: a.png.job/job.json cannot be written: File too large\n"
    assert done.stderr.endswith(sentence)
    assert list(Path.cwd().iterdir()) == []


def test_a_picture_that_finds_no_room_is_painted_already(run, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("muralist.picture.Picture.save", full)
        code, _, err = run("paint", "x", *TOY, "--out", "a.png")
    assert code == 1
    assert "No space left on device; go on with: muralist resume a.png.job" in err
    assert [path.name for path in Path.cwd().iterdir()] == ["a.png.job"]
    steps = [
        line for line in run("resume", "a.png.job", "--json")[1].splitlines() if "step" in line
    ]
    assert not [line for line in steps if json.loads(line)["event"] == "step"]
    assert size_of("a.png") == (48, 32)
    assert [path.name for path in Path.cwd().iterdir()] == ["a.png"]


def test_ctrl_c_keeps_finished_stages_and_what_it_takes_to_go_on(run):
    command = [sys.executable, "-m", "muralist", "paint", "x", "--model", "toy", "--json"]
    options = ["--size", "160x160", "--steps", "40", "--out", "a.png", "--stages", "stages"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=_interruptible,
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if '"step"' in line and json.loads(line)["stage"] == 3:
                process.send_signal(signal.SIGINT)
                break
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.count("\n") == 1
    assert err.endswith("go on with: muralist resume a.png.job\n")
    assert sorted(path.name for path in Path("stages").iterdir()) == ["stage-1.png", "stage-2.png"]
    for path in Path("stages").iterdir():
        pixels_of(path)
    assert {path.name for path in Path.cwd().iterdir()} == {"stages", "a.png.job"}
    out = run("jobs", "--json")[1]
    (listed,) = map(json.loads, out.splitlines())
    assert (listed["job"], listed["stages"]) == ("a.png.job", 2)
    assert 0 < listed["steps"] < 40
    assert run("resume", "a.png.job", "--batch-size", "3")[0] == 0
    run("paint", "x", *command[5:7], *options[:4], "--out", "whole.png")
    assert pixels_of("a.png") == pixels_of("whole.png")
    assert len(list(Path("stages").iterdir())) == 10
    assert not Path("a.png.job").exists()


def test_a_job_can_be_kept_and_is_listed(run):
    run("paint", "a sea", *TOY, "--out", "sea.png", "--keep", "--job", "here")
    assert read_settings("sea.png")["seed"] == 0
    _, out, _ = run("jobs")
    assert "here" in out and "3 stages, 0 steps" in out and "48x32" in out
    Path("sea.png").unlink()
    assert run("resume", "here")[0] == 0
    assert size_of("sea.png") == (48, 32)
    assert "no job here" in run("jobs")[1]


def test_a_job_where_other_files_are_is_refused_and_they_are_left_alone(run):
    Path("photos").mkdir()
    Path("photos/mine.txt").write_text("precious")
    for job in ("photos", "."):
        code, _, err = run("paint", "x", *TOY, "--out", "x.png", "--job", job)
        assert code == 2 and "is there and is no job" in err
    code, _, err = run("paint", "x", *TOY, "--out", "new/x.png", "--job", "new")
    assert code == 2 and "lies in the job's folder" in err
    assert [path.name for path in Path.cwd().rglob("*")] == ["photos", "mine.txt"]


def test_stages_that_were_finished_before_are_kept_too(run):
    import muralist

    run("paint", "x", *TOY, "--out", "x.png", "--keep")
    Path("x.png").unlink()
    told = json.loads(Path("x.png.job/job.json").read_text())
    told["told"]["stages"] = str(Path("stages").absolute())
    Path("x.png.job/job.json").write_text(json.dumps(told))
    assert run("resume", "x.png.job")[0] == 0
    assert len(list(Path("stages").iterdir())) == 3
    assert muralist.Request.from_json(read_settings("x.png")).prompt == "x"


def test_an_unset_name_is_not_a_stopped_pictures(run):
    run("paint", "a cat", *TOY, "--keep")
    Path("picture.png").unlink()
    assert run("paint", "a dog", *TOY)[0] == 0
    assert read_settings("picture-2.png")["prompt"] == "a dog"


def test_bad_jobs_are_told_and_the_others_are_listed(run):
    run("paint", "x", *TOY, "--out", "x.png", "--keep")
    Path("bad").mkdir()
    Path("bad/job.json").write_text("{}")
    code, out, err = run("jobs")
    assert code == 0 and "x.png.job" in out and "bad/job.json cannot be read" in err
    assert "x.png.job" in run("jobs", "x.png.job")[1]
    assert run("jobs", "nosuch")[0] == 2
    code, _, err = run("resume", "x.png.job", "--batch-size", "0")
    assert code == 2 and "batch_size is 0" in err


def test_a_device_that_is_full_is_told_in_a_sentence(run, monkeypatch):
    import torch

    def full(*_, **__):
        raise torch.OutOfMemoryError("no memory on purpose")

    monkeypatch.setattr("muralist.models.toy.Toy.decode", full)
    code, _, err = run("paint", "x", *TOY, "--out", "x.png")
    assert code == 1
    assert "the device has no memory left" in err and "muralist resume x.png.job" in err


def test_a_job_that_was_begun_in_python_is_for_python(run):
    import muralist

    request = muralist.Request(model="toy", height=32, width=48, num_inference_steps=4)
    next(muralist.generate(request, job="here"))
    code, _, err = run("resume", "here")
    assert code == 2 and "was begun in Python" in err


def test_one_picture_is_painted_in_one_dtype(run):
    run("paint", "a sea", *TOY, "--out", "sea.png", "--dtype", "bfloat16", "--keep")
    code, _, err = run("paint", "a sea", *TOY, "--out", "sea.png")
    assert code == 2 and "sea.png.job was begun with --dtype bfloat16" in err
    assert run("paint", "a sea", *TOY, "--out", "sea.png", "--dtype", "bfloat16")[0] == 0


def test_another_picture_does_not_take_a_job_up(run):
    run("paint", "a sea", *TOY, "--out", "sea.png", "--keep")
    code, _, err = run("paint", "a lake", *TOY, "--out", "sea.png")
    assert code == 2 and "sea.png.job holds another picture (other prompt)" in err


SHAPES = ("--model", "shapes", "--size", "128x128", "--steps", "1")


def test_what_sdxl_is_told_is_typed_and_kept(run):
    told = ("--prompt-2", "a star", "--negative-prompt", "a ring", "--negative-prompt-2", "a cat")
    sizes = ("--original-size", "640x480", "--target-size", "320x200", "--crop", "64,8")
    told += ("--clip-skip", "1")
    code, _, err = run("paint", "a sea", *SHAPES, *told, *sizes, "--out", "a.png")
    assert code == 0, err
    expected = {
        "prompt_2": "a star",
        "negative_prompt_2": "a cat",
        "clip_skip": 1,
        "original_size": [480, 640],
        "target_size": [200, 320],
        "crops_coords_top_left": [8, 64],
    }
    settings = read_settings("a.png")
    assert {name: settings[name] for name in expected} == expected
    assert run("paint", "--like", "a.png", "--crop", "0,0", "--out", "b.png")[0] == 0
    again = read_settings("b.png")
    assert again == {**settings, "crops_coords_top_left": [0, 0]}
    assert pixels_of("a.png") != pixels_of("b.png")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ("--prompt-2", "a cat"),
            "prompt_2 is for Stable Diffusion XL, and toy is none of its kind",
        ),
        (("--original-size", "640"), "original_size is '640'; WIDTHxHEIGHT in pixels is needed"),
        (("--target-size", "axb"), "target_size is 'axb'; WIDTHxHEIGHT in pixels is needed"),
        (("--crop", "64x0"), "crop is '64x0'; LEFT,TOP in pixels is needed, 64,0 for example"),
        (("--ip-adapter-image", "no.png"), "no.png is no file; an image file is needed"),
    ],
)
def test_what_the_model_cannot_be_told_is_refused(run, given, message):
    code, _, err = run("paint", "a sea", *TOY, *given, "--out", "a.png")
    assert code == 2 and message in err and err.count("\n") == 1
    assert not list(Path.cwd().iterdir())


def test_an_image_for_no_adapter_is_refused(run):
    Image.new("RGB", (8, 8)).save("cat.png")
    code, _, err = run("paint", "a sea", *SHAPES, "--ip-adapter-image", "cat.png", "--out", "a.png")
    assert code == 2 and "images for IP-Adapters, and shapes has none; load one" in err


def _interruptible() -> None:
    """Jobs that a shell starts in the background ignore Ctrl-C, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_help_starts_without_torch():
    program = """
import sys
from muralist.cli import main
try:
    main(["--help"])
except SystemExit:
    sys.exit("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert "paint" in done.stdout
