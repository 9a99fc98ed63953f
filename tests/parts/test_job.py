"""A run that is stopped, killed or out of disk goes on where it was, to the same picture."""

import errno
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import muralist
from muralist import AccDiffusion, BadRequest, DemoFusion, Finished, Pixelsmith, Resumed, Ticked
from muralist import job as module
from muralist.job import Job, reached
from tests.laws.parts import painted, toy_request

DPM = {"solver": "dpmpp2m"}


def stopped_after(request, folder: Path, ticks: int) -> int:
    """Paints until so many steps are done, and closes the run; how many there were."""
    count = 0
    run = muralist.generate(request, job=folder)
    for event in run:
        count += isinstance(event, Ticked)
        if count == ticks:
            run.close()
            break
    return count


def finished(request, folder: Path) -> muralist.Picture:
    *_, last = muralist.generate(request, job=folder)
    assert isinstance(last, Finished)
    return last.picture


@pytest.mark.parametrize("stop", [1, 4, 6, 8, 11])
@pytest.mark.parametrize(
    ("method", "settings"),
    [(DemoFusion(), {}), (DemoFusion(), DPM), (Pixelsmith(), {}), (DemoFusion(strength=0.7), DPM)],
    ids=["DemoFusion", "DemoFusion, two steps back", "Pixelsmith", "DemoFusion, entered late"],
)
def test_a_run_that_was_stopped_paints_the_same_picture(tmp_path, method, settings, stop):
    request = toy_request(method, height=48, width=40, num_inference_steps=5, **settings)
    whole = painted(request)
    assert stopped_after(request, tmp_path, stop) == stop
    again = finished(request, tmp_path)
    for ours, expected in zip(again.stages, whole.stages, strict=True):
        assert torch.equal(ours.latents, expected.latents)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_what_a_method_has_noted_is_kept(tiny_sdxl, tmp_path, stop):
    """AccDiffusion listens at the first stage to what it tells windows at the next."""
    request = toy_request(
        AccDiffusion(c=0.8),
        model=tiny_sdxl,
        prompt="a red cat",
        height=384,
        width=384,
        num_inference_steps=2,
    )
    whole = painted(request).latents
    stopped_after(request, tmp_path, stop)
    assert torch.equal(finished(request, tmp_path).latents, whole)
    (tmp_path / "stage-1.safetensors").rename(tmp_path / "gone")  # so that this can fail
    assert not torch.equal(finished_without_notes(request, tmp_path).latents, whole)


def finished_without_notes(request, folder: Path) -> muralist.Picture:
    from safetensors.torch import load_file, save_file

    x = load_file(folder / "gone")["x"]
    save_file({"x": x}, folder / "stage-1.safetensors", {"stage": "1", "steps": "2"})
    (folder / "stage-2.safetensors").unlink(missing_ok=True)
    return finished(request, folder)


def test_a_run_can_be_stopped_as_often_as_one_likes(tmp_path):
    request = toy_request(DemoFusion(), height=48, width=40)
    total = sum(stopped_after(request, tmp_path, 1) for _ in range(12))
    assert total == 12  # three stages of four steps: none was taken twice
    assert torch.equal(finished(request, tmp_path).latents, painted(request).latents)


def test_a_run_tells_where_it_goes_on(tmp_path):
    request = toy_request(DemoFusion(), height=48, width=40)
    stopped_after(request, tmp_path, 6)
    events = list(muralist.generate(request, job=tmp_path))
    (where,) = [event for event in events if isinstance(event, Resumed)]
    assert (where.stages, where.steps) == (1, 2) == (reached(tmp_path)[0] - 2, 2)
    first = next(event for event in events if isinstance(event, Ticked))
    assert (first.stage, first.step, first.steps) == (2, 3, 4)
    assert not [event for event in muralist.generate(request) if isinstance(event, Resumed)]


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_stage_that_was_just_finished_is_not_painted_again(tmp_path, stage):
    """Stopped by who was told of it: its last steps are not written yet."""
    request = toy_request(DemoFusion(), height=48, width=40)
    run = muralist.generate(request, job=tmp_path)
    for event in run:
        if isinstance(event, muralist.StageDone) and event.stage == stage:
            run.close()
            break
    assert reached(tmp_path) == (stage - 1, 4)
    assert torch.equal(finished(request, tmp_path).latents, painted(request).latents)


@pytest.mark.parametrize("name", ["canvas.safetensors", "stage-1.safetensors"])
def test_a_stop_while_it_writes_loses_nothing(tmp_path, monkeypatch, name):
    request = toy_request(DemoFusion(), height=48, width=40)
    save, stopped = module.save_file, []

    def interrupted(tensors, path, told):
        if not stopped and Path(path).name.startswith(name):
            stopped.append(path)
            raise KeyboardInterrupt
        save(tensors, path, told)

    monkeypatch.setattr(module, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(muralist.generate(request, job=Job(tmp_path, request, interval=0)))
    assert reached(tmp_path) == (0, 1 if name.startswith("canvas") else 4)
    assert torch.equal(finished(request, tmp_path).latents, painted(request).latents)


STEPS = 12
KILLED = f"""
import sys
import muralist
from muralist.job import Job

request = muralist.Request(model="toy", height=64, width=64, num_inference_steps={STEPS})
for event in muralist.generate(request, job=Job(sys.argv[1], request, interval=0)):
    if isinstance(event, muralist.Ticked):
        print((event.stage - 1) * {STEPS} + event.step, flush=True)
    if isinstance(event, muralist.Finished):
        print("done", flush=True)
"""


def test_a_run_that_was_killed_at_any_moment_goes_on(tmp_path):
    """kill -9 while it computes or writes, soon after some line was printed."""
    moments, done, kills = random.Random(7), 0, 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = [
            line.strip()
            for _, line in zip(range(moments.randint(9, 21)), process.stdout, strict=False)
        ]
        process.kill()
        process.communicate()
        assert lines[0] == str(done + 1) or lines[0] == "done", "no step is taken twice"
        if lines[-1] == "done":
            break
        stages, steps = reached(tmp_path)
        done, kills = stages * STEPS + steps, kills + 1
        assert done >= int(lines[-1]), "what was told is on the disk"
    assert kills >= 2
    request = muralist.Request(model="toy", height=64, width=64, num_inference_steps=STEPS)
    assert torch.equal(finished(request, tmp_path).latents, painted(request).latents)


@pytest.mark.parametrize("write", [1, 3, 5, 7])
def test_a_full_disk_costs_what_was_not_written(tmp_path, monkeypatch, write):
    """Half a file, and no room for the rest: the one before is still there."""
    request = toy_request(DemoFusion(), height=48, width=40)
    save, writes = module.save_file, []

    def full(tensors, path, told):
        writes.append(path)
        if len(writes) >= write:
            Path(path).write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        save(tensors, path, told)

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        list(muralist.generate(request, job=Job(tmp_path, request, interval=0)))
    monkeypatch.undo()
    stages, steps = reached(tmp_path)
    assert 5 * stages + steps == write - 1
    assert torch.equal(finished(request, tmp_path).latents, painted(request).latents)


def test_the_canvas_is_written_from_time_to_time(tmp_path, monkeypatch):
    now = iter(range(0, 10_000, 7))  # a step every seven seconds, or two looks at the clock
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    written = []
    write = module._write
    monkeypatch.setattr(
        module, "_write", lambda *what: written.append(what[1].name) or write(*what)
    )
    request = toy_request(DemoFusion(), height=32, width=32, num_inference_steps=20)
    list(muralist.generate(request, job=Job(tmp_path, request, interval=60)))
    assert written.count("canvas.safetensors") == 4
    assert written.count("stage-1.safetensors") == written.count("stage-2.safetensors") == 1
    assert not (tmp_path / "canvas.safetensors").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": 99}, "was begun by muralist .*: go on with that one, or paint anew"),
        ({"muralist": "0.0.1"}, r"was begun by muralist 0\.0\.1, and this is"),
        ({"muralist": 3}, "was begun by muralist 3"),
        ({"request": 3}, "holds no request"),
        ({"request": {"model": "toy", "prompt": "", "method": {}}}, "holds no request"),
        ({"told": 3}, "holds no request"),
    ],
)
def test_jobs_of_another_muralist_are_refused(tmp_path, change, sentence):
    request = toy_request(DemoFusion())
    stopped_after(request, tmp_path, 2)
    file = tmp_path / "job.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(BadRequest, match=sentence):
        muralist.generate(request, job=tmp_path)


def test_jobs_of_another_picture_are_refused(tmp_path):
    request = toy_request(DemoFusion())
    stopped_after(request, tmp_path, 2)
    with pytest.raises(BadRequest, match=r"holds another picture \(other seed\)"):
        muralist.generate(replace(request, seed=4), job=tmp_path)
    muralist.generate(replace(request, batch_size=3, canvas="ram"), job=tmp_path).close()


def test_a_canvas_that_cannot_be_read_is_refused_with_the_remedy(tmp_path):
    request = toy_request(DemoFusion())
    stopped_after(request, tmp_path, 2)
    (tmp_path / "canvas.safetensors").write_bytes(b"nonsense")
    with pytest.raises(BadRequest, match=r"canvas\.safetensors cannot be read.*remove it"):
        list(muralist.generate(request, job=tmp_path))


def test_given_noise_and_several_prompts_make_no_job(tmp_path):
    with pytest.raises(BadRequest, match="cannot be taken up"):
        muralist.generate(
            toy_request(DemoFusion()), job=tmp_path, latents=torch.zeros(1, 3, 16, 16)
        )
    with pytest.raises(BadRequest, match="a job is one picture; there are 2 prompts"):
        muralist.paint("toy", ["a", "b"], job=tmp_path)


def test_a_folder_that_is_no_job_is_refused(tmp_path):
    with pytest.raises(BadRequest, match="is no job"):
        Job.read(tmp_path)


def test_two_processes_do_not_paint_one_job(tmp_path):
    request = toy_request(DemoFusion())
    first = muralist.generate(request, job=tmp_path)
    next(first)
    with pytest.raises(BadRequest, match="is being painted by another process"):
        next(muralist.generate(request, job=tmp_path))
    first.close()
    next(muralist.generate(request, job=tmp_path))


def test_what_is_not_a_jobs_own_is_left_alone(tmp_path):
    request = toy_request(DemoFusion())
    finished(request, tmp_path / "job")
    (tmp_path / "job" / "mine.txt").write_text("precious")
    Job(tmp_path / "job", request).remove()
    assert [path.name for path in (tmp_path / "job").iterdir()] == ["mine.txt"]
    with pytest.raises(BadRequest, match="is there and is no job"):
        Job(tmp_path / "job", request)


def test_what_a_kill_left_half_written_goes_with_the_job(tmp_path):
    """A writer's own temporary file, too: else the folder stayed, and nothing could begin there."""
    request = toy_request(DemoFusion())
    stopped_after(request, tmp_path / "job", 2)
    (tmp_path / "job" / ".unfinished").mkdir()
    (tmp_path / "job" / ".unfinished" / ".tmpabc").write_bytes(b"half of it")
    Job(tmp_path / "job", request).remove()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_killed_before_it_began_can_begin(tmp_path):
    (tmp_path / "lock").write_text("")
    (tmp_path / ".unfinished").mkdir()
    assert finished(toy_request(DemoFusion()), tmp_path)


def test_a_killed_writer_leaves_nothing_outside_the_folder_of_the_unfinished(tmp_path):
    program = """
import os, sys
import torch
from muralist import job as module

module._sync = lambda path: os._exit(9)
canvas = module.Canvas(1, 1, torch.zeros(1, 3, 8, 8), None, {})
module._write(canvas, module.Path(sys.argv[1]) / "canvas.safetensors")
"""
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)]).returncode == 9
    assert [path.name for path in tmp_path.iterdir()] == [".unfinished"]


@pytest.mark.parametrize("place", ["file", "file/sub"])
def test_a_place_where_no_job_can_be_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRequest, match=r"is no (job|folder)"):
        muralist.generate(toy_request(DemoFusion()), job=tmp_path / place)


def test_a_job_remembers_what_it_was_told(tmp_path):
    request = toy_request(DemoFusion())
    next(muralist.generate(request, job=Job(tmp_path, request, {"out": "here"})))
    next(muralist.generate(request, job=tmp_path))
    assert Job.read(tmp_path)["told"] == {"out": "here"}


def test_another_schedule_is_another_picture(tmp_path):
    request = toy_request(DemoFusion())
    next(muralist.generate(request, job=tmp_path))
    card = request.card
    other = replace(card, scheduler={**card.scheduler, "timestep_spacing": "trailing"})
    with pytest.raises(BadRequest, match=r"\(other scheduler\)"):
        muralist.generate(replace(request, model=replace(request.model, card=other)), job=tmp_path)
