"""Views spread over processes: the same picture, whoever dies."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from multiprocessing import parent_process

import pytest
import torch

import muralist
from muralist import BadRequest, NotFinite, Ticked, UnsupportedModel, WorkersLost
from muralist.models import Toy
from muralist.models.prompt import Prompt
from muralist.query import Query
from muralist.run import Batches, check_workers
from muralist.run.crew import Crew
from muralist.run.processes import Processes, devices
from tests.crews import Benches
from tests.laws.parts import METHODS, distance, network, normal, painted, query, toy_request
from tests.parts.test_run import CANVAS, VIEWS

CPU = torch.device("cpu")
EVERY_METHOD = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
EVERY_PAPER = pytest.mark.parametrize("method", [kind() for kind in muralist.METHODS.values()])


@pytest.fixture(scope="module")
def crew():
    """This process and two others; they take seconds to start."""
    with Crew(Processes([CPU, CPU])) as crew:
        yield crew


@contextmanager
def crew_of(count):
    """The same, but all of it in this process."""
    yield Crew(Benches(count - 1))


def sdxl_request(tiny_sdxl, method, **settings):
    given = {"prompt": "a red cat", "height": 448, "width": 448, "num_inference_steps": 2}
    return toy_request(method, model=tiny_sdxl, guidance_scale=5.0, **{**given, **settings})


# --- the same picture --------------------------------------------------------------------------


@EVERY_METHOD
@pytest.mark.parametrize("count", [2, 3])
def test_the_picture_does_not_depend_on_who_paints_it(method, count):
    request = toy_request(method, batch_size=3)
    with crew_of(count) as crew:
        ours = painted(request, crew=crew).latents
    assert distance(ours, painted(request).latents) < 1e-5  # products of batches round differently


@pytest.mark.parametrize("settings", [{"pag_scale": 3.0}, {"canvas": "ram"}], ids=str)
def test_nor_does_that_of_sdxl(settings, tiny_sdxl):
    request = sdxl_request(tiny_sdxl, muralist.Pixelsmith(), **settings)
    with crew_of(3) as crew:
        ours = painted(request, crew=crew).latents
    assert distance(ours, painted(request).latents) < 1e-4


@EVERY_PAPER
def test_processes_paint_the_same_picture(method, tiny_controlled, crew):
    request = sdxl_request(tiny_controlled, method)
    assert distance(painted(request, crew=crew).latents, painted(request).latents) < 1e-4


def test_a_request_brings_its_own_workers():
    request = toy_request(workers=2)
    assert distance(painted(request).latents, painted(toy_request()).latents) < 1e-5


def test_several_prompts_are_painted_by_one_crew(monkeypatch):
    hirings = []

    @contextmanager
    def counting(*given):
        hirings.append(given)
        yield Crew(Benches(1))

    monkeypatch.setattr("muralist.painting.hired", counting)
    settings = {"height": 32, "width": 32, "num_inference_steps": 2, "workers": 2}
    together = muralist.paint(Toy(), ["", ""], **settings)
    assert len(together) == 2 and len(hirings) == 1


def test_how_many_paint_is_no_part_of_a_picture():
    assert toy_request(workers=2).to_json() == toy_request().to_json()


# --- what travels ------------------------------------------------------------------------------


def test_the_expression_travels_once_a_stage_and_worker(tiny_sdxl):
    """Pixelsmith's holds two canvases of reference, and what the prompt says."""
    team = Benches(1)
    request = sdxl_request(tiny_sdxl, muralist.Pixelsmith(), num_inference_steps=6)
    list(muralist.generate(request, crew=Crew(team)))
    canvases = 2 * 4 * 56 * 56 * 4
    (first,) = [given for given in team.given if given.function]
    assert canvases < first.size
    view = 4 * 32 * 32 * 4
    later = [given.size for given in team.given if not given.function]
    assert later and max(later) < 2 * view + 3000  # two views, the step, and nothing else


@pytest.mark.parametrize("settings", [{}, {"pag_scale": 3.0}], ids=str)
def test_what_a_prompt_says_travels_once(settings, tiny_sdxl):
    """With every expression of every stage, but for the tensors: those of the prompts, once."""
    team = Benches(1)
    sizes = {"height": 768, "width": 256, "num_inference_steps": 3}
    request = sdxl_request(tiny_sdxl, muralist.DemoFusion(), **sizes, **settings)
    list(muralist.generate(request, crew=Crew(team)))
    functions = [given for given in team.given if given.function]
    assert len(functions) == 4  # windows and subsamplings, at two stages
    assert [given.tensors for given in functions] == [2, 0, 0, 0]
    assert sum(given.tensors for given in team.given) == 2


def test_batches_are_as_many_for_each():
    asked = []

    def noting(function, orders):
        for order in orders:
            asked.append(len(order.views))
            yield function(order)

    for size, workers, rows in [(16, 2, [6, 6]), (4, 2, [3] * 4), (16, 5, [3, 3, 2, 2, 2])]:
        asked.clear()
        run_of(Batches(size, CPU, noting, workers))
        assert asked == rows


def test_a_single_view_is_asked_here():
    def unreachable(function, orders):
        raise AssertionError("it was spread")

    assert len(run_of(Batches(16, CPU, unreachable, 4), views=1)) == 1


def run_of(batches, views=12):
    return list(batches(network, normal(1, 3, *CANVAS), query(CANVAS), VIEWS[:views]))


# --- who dies, and who fails -------------------------------------------------------------------


def fatal(number):
    """Kills every process but the first."""
    if parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def failing(number):
    if parent_process() is not None:
        raise NotFinite("there is a NaN")
    return number


def short_of_memory(x, q):
    """A network with memory for two views, but in the first process."""
    if parent_process() is not None and len(x) > 2:
        raise torch.OutOfMemoryError("no memory on purpose")
    return Toy()(x, q)


def test_an_error_in_a_process_is_raised_here(crew):
    with pytest.raises(NotFinite, match="there is a NaN") as raised:
        list(crew.map(failing, range(9)))
    assert "in failing" in str(raised.value.__cause__)


def test_a_process_without_memory_asks_in_halves(crew):
    runner = Batches(6, CPU, crew.map, len(crew))
    x, q = normal(1, 3, *CANVAS), query(CANVAS)
    ours = list(runner(short_of_memory, x, q, VIEWS))
    expected = list(Batches(12, CPU)(Toy(), x, q, VIEWS))
    assert [view for view, _ in ours] == VIEWS
    for (_, one), (_, other) in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other)
    assert runner.size == 2


def test_a_process_that_is_killed_is_replaced_by_the_others(crew, caplog):
    """And what it had in hand is done again; this one ends the module's crew."""
    expected = painted(toy_request(batch_size=2)).latents
    ticks = 0
    for event in muralist.generate(toy_request(batch_size=2), crew=crew):
        if isinstance(event, Ticked):
            ticks += 1
            if ticks == 6:
                os.kill(crew._team.processes[0].pid, signal.SIGKILL)
        elif isinstance(event, muralist.Finished):
            assert distance(event.picture.latents, expected) < 1e-5
    assert len(crew) == 2


def test_where_all_others_die_this_process_does_it_all(crew):
    for _ in range(600):  # this process may be done before a death is heard of
        assert list(crew.map(fatal, range(20))) == [number**2 for number in range(20)]
        if len(crew) == 1:
            break
        time.sleep(0.1)
    assert len(crew) == 1


def test_where_nobody_is_left_a_sentence_says_so():
    alone = Crew(Processes([CPU]), here=False)
    with alone, pytest.raises(WorkersLost, match="all workers died"):
        list(alone.map(fatal, range(20)))


# --- what is refused ---------------------------------------------------------------------------


def test_a_wrapped_pipeline_is_refused(tiny_sdxl, tmp_path):
    wrapped = muralist.wrap(tiny_sdxl.pipe)
    request = sdxl_request(wrapped, muralist.MultiDiffusion(), workers=2)
    with pytest.raises(UnsupportedModel, match="is a pipeline that was wrapped"):
        next(muralist.generate(request, job=tmp_path / "job"))
    assert not (tmp_path / "job").exists()
    one = sdxl_request(wrapped, muralist.MultiDiffusion(), workers=1, num_inference_steps=1)
    assert painted(one).latents.isfinite().all()


def test_more_workers_than_devices_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    cuda = torch.device("cuda")
    assert devices(2, cuda) == [torch.device("cuda", 0), torch.device("cuda", 1)]
    assert devices(2, torch.device("cuda", 1)) == [torch.device("cuda", 1), torch.device("cuda", 0)]
    for count, kind, there in ((3, "cuda", 2), (2, "mps", 1)):
        with pytest.raises(BadRequest, match=f"workers is {count}; .* has {there}"):
            check_workers(count, None, torch.device(kind))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    check_workers(8, None, CPU)
    with pytest.raises(BadRequest, match="workers is 9; this machine has 2 processors, and 8 are"):
        check_workers(9, None, CPU)


def test_zero_workers_are_refused():
    with pytest.raises(BadRequest, match="workers is 0"):
        toy_request(workers=0)


def test_ray_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr("muralist.run.hire.find_spec", lambda name: None)
    with pytest.raises(BadRequest, match=r'pip install "muralist\[ray\]"'):
        check_workers(None, "auto", CPU)


# --- models ------------------------------------------------------------------------------------


def test_a_model_travels_by_its_name(tiny_sdxl):
    there = pickle.dumps(tiny_sdxl)
    assert len(there) < 1000
    one, again = pickle.loads(there), pickle.loads(there)
    assert one is again  # loaded once
    x = torch.randn(2, 4, 32, 32)
    q = Query(
        step=toy_request().schedule.steps[0],
        cond=tiny_sdxl.encode(Prompt(prompt="a cat"))[0],
        canvas=tiny_sdxl.native,
        final=tiny_sdxl.native,
    )
    assert torch.equal(one(x, q).x0, tiny_sdxl(x, q).x0)


def test_a_text_can_be_said_elsewhere(tiny_sd):
    text = pickle.loads(pickle.dumps(tiny_sd.text(Prompt(prompt="a red cat"))))
    assert text.tokens == tiny_sd.text(Prompt(prompt="a red cat")).tokens
    said = text.say("red")
    assert torch.equal(said.embeds, tiny_sd.encode(Prompt(prompt="red"))[0].embeds)
    assert text.say("red") is said  # encoded once


# --- how it ends -------------------------------------------------------------------------------

PAINT = ["paint", "x", "--model", "toy", "--size", "160x160", "--steps", "40", "--json"]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_run(end, tmp_path):
    """Ctrl-C goes to all processes of a terminal; a kill to the first alone."""
    command = [sys.executable, "-m", "muralist", *PAINT, "--workers", "2", "--out", "a.png"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if '"step"' in line and '"stage": 3' in line:
                (os.killpg if end == signal.SIGINT else os.kill)(process.pid, end)
                break
        _, err = process.communicate(timeout=120)  # and all that hold its streams have gone
    assert process.returncode == (130 if end == signal.SIGINT else -signal.SIGKILL)
    if end == signal.SIGINT:
        assert err.count("\n") == 1 and err.endswith("muralist resume a.png.job\n")
        told = json.loads((tmp_path / "a.png.job" / "job.json").read_text())["told"]
        assert told["workers"] == 2  # and resume has as many
    assert gone(process.pid)


def gone(group: int) -> bool:
    """Whether a group of processes ends by itself."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    os.killpg(group, signal.SIGKILL)
    return False
