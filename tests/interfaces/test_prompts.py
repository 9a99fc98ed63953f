"""Files of prompts, on the toy model: what becomes of each line, whatever happens to the others."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from muralist import NotFinite, Ticked, series
from muralist.sinks import read_settings

TOY = ("--model", "toy", "--size", "48x32", "--steps", "4")


def asked(*lines: object, text: str | None = None) -> str:
    Path("p.jsonl").write_text("\n".join(map(json.dumps, lines)) if text is None else text)
    return "p.jsonl"


def results(folder: str = "d") -> list[dict]:
    return [json.loads(line) for line in Path(folder, "results.jsonl").read_text().splitlines()]


def pixels_of(path: str | Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def test_every_line_is_the_picture_that_its_settings_paint_alone(run):
    lines = (
        {"prompt": "a sea"},
        "a hill",
        {"prompt": "a wood", "seed": 9, "out": "wood.tif", "method": "multidiffusion"},
        {"prompt": "a road", "size": "32x48", "steps": 3, "guidance_scale": 2.0},
    )
    assert run("paint", "--prompts", asked(*lines), "--out", "d", *TOY, "--seed", "5")[0] == 0
    run("paint", "a sea", *TOY, "--seed", "5", "--out", "1.png")
    run("paint", "a hill", *TOY, "--seed", "6", "--out", "2.png")
    run("paint", "a wood", *TOY, "--seed", "9", "--method", "multidiffusion", "--out", "3.png")
    alone = ("--model", "toy", "--size", "32x48", "--steps", "3", "--guidance-scale", "2")
    run("paint", "a road", *alone, "--seed", "8", "--out", "4.png")
    for name, number in (("0001.png", 1), ("0002.png", 2), ("wood.tif", 3), ("0004.png", 4)):
        assert pixels_of(Path("d", name)) == pixels_of(f"{number}.png")
        assert read_settings(Path("d", name)) == read_settings(f"{number}.png")
    assert not list(Path("d").glob("*.job"))
    told = [(one["line"], one["out"], one["prompt"], one["seed"]) for one in results()]
    assert told == [
        (1, "0001.png", "a sea", 5),
        (2, "0002.png", "a hill", 6),
        (3, "wood.tif", "a wood", 9),
        (4, "0004.png", "a road", 8),
    ]


def test_what_info_prints_is_a_line(run):
    run("paint", "a sea", *TOY, "--method", "pixelsmith", "--slider", "3", "--out", "sea.png")
    settings = json.loads(run("info", "sea.png", "--json")[1])
    del settings["muralist"]
    assert run("paint", "--prompts", asked(settings), "--out", "d", "--seed", "4")[0] == 0
    assert pixels_of("d/0001.png") == pixels_of("sea.png")


def test_asked_again_only_what_is_missing_is_painted(run):
    command = ("paint", "--prompts", asked("a", "b", "c"), "--out", "d", *TOY)
    run(*command)
    before, written = pixels_of("d/0002.png"), Path("d/0001.png").stat().st_mtime_ns
    Path("d/0002.png").unlink()
    code, out, _ = run(*command, "--json")
    assert (code, [json.loads(line)["line"] for line in out.splitlines()]) == (0, [2])
    assert pixels_of("d/0002.png") == before
    assert Path("d/0001.png").stat().st_mtime_ns == written
    assert sorted(one["line"] for one in results()) == [1, 2, 3]


@pytest.mark.parametrize("torn", [b"", b'{"line": 2, "ou'])
def test_a_stop_in_the_middle_loses_nothing(run, monkeypatch, torn):
    command = ("paint", "--prompts", asked("a", "b", "c"), "--out", "d", *TOY)
    run(*command)
    whole = {path.name: pixels_of(path) for path in Path("d").glob("*.png")}
    for path in Path("d").iterdir():
        path.unlink()

    generate = series.generate

    def stopped(request, **settings):
        for event in generate(request, **settings):
            if request.prompt == "b" and isinstance(event, Ticked) and event.stage == 2:
                raise KeyboardInterrupt
            yield event

    with monkeypatch.context() as patch:
        patch.setattr(series, "generate", stopped)
        code, _, err = run(*command)
    assert (code, "the same command goes on" in err) == (130, True)
    assert [path.name for path in Path("d").glob("*.job")] == ["0002.png.job"]
    with Path("d/results.jsonl").open("ab") as file:
        file.write(torn)
    code, out, _ = run(*command)
    assert (code, out) == (0, "d: 3 of 3 pictures, 1 of them from before\n")
    assert {path.name: pixels_of(path) for path in Path("d").glob("*.png")} == whole
    assert sorted(one["line"] for one in results()) == [1, 2, 3]
    assert not list(Path("d").glob("*.job"))


def test_workers_paint_whole_pictures(run):
    file = asked(*"abcd")
    assert run("paint", "--prompts", file, "--out", "d", *TOY, "--workers", "2")[0] == 0
    assert run("paint", "--prompts", file, "--out", "alone", *TOY)[0] == 0
    for name in ("0001.png", "0002.png", "0003.png", "0004.png"):
        assert pixels_of(Path("d", name)) == pixels_of(Path("alone", name))
        assert read_settings(Path("d", name)) == read_settings(Path("alone", name))
    assert sorted(one["line"] for one in results()) == [1, 2, 3, 4]
    assert all(one["painted"] for one in results())


def test_workers_that_are_stopped_write_down_what_they_have(tmp_path):
    """Ctrl-C goes to all processes of a terminal, and this one stops the other."""
    asked("a", "b")
    settings = ("--model", "toy", "--size", "96x96", "--method", "pixelsmith", "--steps", "900")
    command = ("paint", "--prompts", "p.jsonl", "--out", "d", *settings, "--workers", "2")
    with subprocess.Popen(
        [sys.executable, "-m", "muralist", *command],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        begun = [Path(f"d/000{number}.png.job/stage-1.safetensors") for number in (1, 2)]
        while not all(path.exists() for path in begun):
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(0.3)  # a few steps
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 130
    jobs = sorted(Path("d").iterdir())
    assert [path.name for path in jobs] == ["0001.png.job", "0002.png.job"]
    assert all((path / "canvas.safetensors").exists() for path in jobs)


def test_one_that_fails_leaves_the_others_alone_and_is_tried_again(run, monkeypatch):
    command = ("paint", "--prompts", asked("a", "b", "c"), "--out", "d", *TOY)
    generate = series.generate

    def failing(request, **settings):
        if request.prompt == "b":
            raise NotFinite("it turned into NaN")
        return generate(request, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(series, "generate", failing)
        code, out, err = run(*command)
    assert (code, out) == (1, "d: 2 of 3 pictures, 0 of them from before\n")
    assert "0002.png: it turned into NaN" in err
    assert "1 of 3 pictures could not be painted" in err
    assert [(one["line"], one["painted"]) for one in results()] == [
        (1, True),
        (2, False),
        (3, True),
    ]
    assert run(*command)[0] == 0
    assert sorted((one["line"], one["painted"]) for one in results()) == [
        (1, True),
        (2, True),
        (3, True),
    ]


def test_a_line_that_was_cut_off_and_lines_of_what_failed_do_not_stay(run, monkeypatch):
    Path("d").mkdir()
    Path("d/results.jsonl").write_text('{"line": 1, "out": "0001.png", "painted": false}\n{"li')
    assert run("paint", "--prompts", asked("a", "b"), "--out", "d", *TOY)[0] == 0
    assert [(one["line"], one["painted"]) for one in results()] == [(1, True), (2, True)]


def test_two_runs_do_not_paint_into_one_folder(run):
    Path("d").mkdir()
    with series.alone(Path("d")):
        code, _, err = run("paint", "--prompts", asked("a"), "--out", "d", *TOY)
    assert (code, "d is being painted by another process" in err) == (2, True)
    assert run("paint", "--prompts", asked("a"), "--out", "d", *TOY)[0] == 0
    assert sorted(path.name for path in Path("d").iterdir()) == ["0001.png", "results.jsonl"]


def test_jobs_go_with_their_pictures_and_on_in_their_dtype(run):
    command = ("paint", "--prompts", asked("a"), "--out", "d", *TOY)
    run(*command, "--keep")
    code, _, err = run(*command, "--dtype", "float16")
    assert (code, "0001.png.job was begun with --dtype none" in err) == (2, True)
    run(*command)
    assert not Path("d/0001.png.job").exists()


def test_what_a_prompt_had_no_room_for_is_told(run):
    long = " ".join(["red"] * 200)
    line = {"prompt": long, "model": "shapes", "size": "128x128", "steps": 1}
    code, _, err = run("paint", "--prompts", asked(line), "--out", "d")
    assert (code, "0001.png: the prompt is too long" in err) == (0, True)
    assert "too long" in results()[0]["warning"]


def test_lines_of_other_pictures_in_the_folder_stay(run):
    run("paint", "--prompts", asked({"prompt": "a", "out": "a.png"}), "--out", "d", *TOY)
    run("paint", "--prompts", asked({"prompt": "b", "out": "b.png"}), "--out", "d", *TOY)
    assert [one["out"] for one in results()] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "p.jsonl holds no prompts"),
        ('"a"\n{"prompt": "b"', "p.jsonl, line 2: this is no JSON"),
        ('{"promt": "a"}', "p.jsonl, line 1: there is no prompt"),
        ('{"prompt": "a", "sede": 3}', "line 1: there is no setting 'sede'; did you mean seed?"),
        ('\n\n{"prompt": "a", "seed": -3}', "line 3: seed is -3; a whole number from 0"),
        ('{"prompt": "a", "seed": "3"}', "line 1: seed is '3'"),
        ('{"prompt": 3}', "line 1: there is no prompt"),
        ("[]", "line 1: there is no prompt"),
        ('{"prompt": "a", "size": "big"}', "line 1: size is 'big'"),
        ('{"prompt": "a", "size": 512}', "line 1: size is 512; WIDTHxHEIGHT"),
        ('{"prompt": "a", "method": "demofuson"}', "line 1: there is no method 'demofuson'"),
        ('{"prompt": "a", "method": {"name": "demofusion", "jiter": 1}}', "no setting 'jiter'"),
        ('{"prompt": "a", "method": 3}', "line 1: method is 3; a name is needed"),
        ('{"prompt": "a", "out": "../a.png"}', "line 1: out is '../a.png'; the name of a file"),
        ('{"prompt": "a", "out": "/tmp/a.png"}', "line 1: out is '/tmp/a.png'"),
        ('{"prompt": "a", "out": ".png"}', "line 1: out is '.png'"),
        ('{"prompt": "a", "out": "a.gif"}', "a.gif should end in"),
        ('"a"\n{"prompt": "b", "out": "0001.png"}', "line 2: 0001.png is taken by line 1"),
        ('{"prompt": "a", "guidance_interval": 3}', "line 1: guidance_interval is 3"),
        ('{"prompt": "a", "batch_size": 0}', "line 1: batch_size is 0"),
        ('{"prompt": "a", "workers": 2}', "line 1: there is no setting 'workers'"),
        ('{"prompt": "a", "out": "\\ud800.png"}', "line 1: out is "),
        ('{"prompt": "a", "out": "a\\u0000.png"}', "line 1: out is "),
        ("[" * 5000, "line 1: this is no JSON"),
    ],
)
def test_a_line_that_cannot_be_painted_is_told_before_anything_is(run, monkeypatch, text, sentence):
    monkeypatch.setattr(series, "loaded_once", lambda *_, **__: pytest.fail("loaded a model"))
    code, _, err = run("paint", "--prompts", asked(text=text), "--out", "d", *TOY)
    assert code == 2
    assert sentence in err
    assert not Path("d").exists()


def test_what_suits_one_picture_only_is_refused(run):
    file = asked("a")
    for option in (("a prompt",), ("--stages", "s"), ("--explain", "e"), ("--job", "j")):
        code, _, err = run("paint", *option, "--prompts", file, "--out", "d", *TOY)
        assert (code, "is for a single picture" in err) == (2, True)
    assert "there is no --out" in run("paint", "--prompts", file, *TOY)[2]
    assert "p.jsonl is a file" in run("paint", "--prompts", file, "--out", file, *TOY)[2]
    assert "cannot be read" in run("paint", "--prompts", "no.jsonl", "--out", "d", *TOY)[2]
    Path("p.jsonl").write_bytes(b"\xff\xfe")
    assert "cannot be read" in run("paint", "--prompts", file, "--out", "d", *TOY)[2]


def test_another_picture_in_the_place_of_one_is_kept(run):
    run("paint", "--prompts", asked("a"), "--out", "d", *TOY)
    before = pixels_of("d/0001.png")
    code, _, err = run("paint", "--prompts", asked("b"), "--out", "d", *TOY)
    assert (code, "another picture than line 1 asks for (other prompt)" in err) == (2, True)
    assert pixels_of("d/0001.png") == before
