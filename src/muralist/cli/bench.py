"""`muralist bench`: who paints what, and what is shown while it works."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from shlex import join
from typing import TypeVar

import torch

from muralist.bench import tables
from muralist.bench.benchmark import Benchmark
from muralist.bench.cases import captions, cases
from muralist.bench.entrants import entrants
from muralist.bench.machine import machine
from muralist.bench.measured import PARTS, Judge
from muralist.bench.plots import check_plots
from muralist.bench.report import report
from muralist.bench.results import write
from muralist.bench.trials import Workshop
from muralist.canvas import Size
from muralist.cli import show
from muralist.cli.options import Contest, Hands
from muralist.cli.painting import device_here, dtype_named
from muralist.cli.prompts import filled_lines
from muralist.errors import BadRequest
from muralist.models import best_device, card, suited
from muralist.request.typed import size
from muralist.run import check_workers, hired
from muralist.series import alone

__all__ = ["asked", "run"]

T = TypeVar("T")

_COUNT, _QUICK = 10, 2  # prompts


def run(benchmark: Benchmark, out: Path, contest: Contest, hands: Hands, as_json: bool) -> None:
    """Paints, measures and reports; what is there from before is not painted again."""
    missing = benchmark.missing()
    device = benchmark.workshop.device or best_device()
    check_workers(hands.workers, hands.ray, device)
    out.mkdir(parents=True, exist_ok=True)
    watched = _told if as_json else show.counted
    try:
        with alone(out), hired(hands.workers, hands.ray, device, benchmark.judge) as crew:
            for _ in watched("painting", benchmark.painted(crew, missing), len(missing)):
                pass
            found = watched("measuring", benchmark.judged(crew), len(benchmark.orders))
            results = benchmark.results(
                list(found), crew, _facts(benchmark, contest, hands, device)
            )
            write(results, out / "results.json")
            page = report(results, out)
    except BaseException as error:
        error.add_note("the same command goes on")
        raise
    if as_json:
        print(json.dumps({"event": "finished", "results": str(out / "results.json")}))
        return
    for each in results.sizes:
        if (counted := tables.counted(results, each)) is not None:
            show.tabulated(counted, f"{each} pixels")
    print(page)


def _told(words: str, things: Iterable[T], count: int) -> Iterator[T]:
    """As JSON lines instead of a bar."""
    for number, thing in enumerate(things, start=1):
        print(json.dumps({"event": words, "number": number, "of": count}), flush=True)
        yield thing


def _facts(
    benchmark: Benchmark, contest: Contest, hands: Hands, device: torch.device
) -> dict[str, str]:
    """What figures depend on."""
    request = benchmark.workshop.request(benchmark.trials[0])
    here = machine(str(device))
    processor = f"{here['processor']}, {here['cores']} cores, {hands.workers or 1} process(es)"
    facts = {
        "model": contest.model,
        "steps": request.steps,
        "guidance scale": request.guidance,
        "prompts": len({case.prompt for case in benchmark.cases}),
        "seeds per prompt": contest.seeds,
        "dtype": str(benchmark.workshop.dtype or suited(device)).removeprefix("torch."),
        "machine": here["gpu"] or processor,
        "versions": ", ".join(
            f"{name} {here[name]}" for name in ("muralist", "torch", "diffusers")
        ),
        "command": join(["muralist", *sys.argv[1:]]),
    }
    return {name: str(value) for name, value in facts.items()}


def asked(parts: Sequence[str], out: Path, contest: Contest, hands: Hands) -> Benchmark:
    """The benchmark of what was typed. Raises `BadRequest` for what cannot be painted."""
    check_plots()
    others = [part for part in parts if part not in PARTS]
    if others:
        raise BadRequest(f"there is no part {others[0]!r}; {', '.join(PARTS)} are possible")
    shared = {**contest.shared(), "batch_size": hands.batch_size, "canvas": hands.canvas}
    workshop = Workshop(
        out / "pictures",
        {name: value for name, value in shared.items() if value is not None},
        device_here(hands.device),
        dtype_named(hands.dtype),
    )
    judge = Judge(
        workshop=workshop,
        parts=tuple(parts) or PARTS,
        folder=out,
        features=contest.features,
        detector=contest.detector,
        words=tuple(contest.words),
    )
    return Benchmark(
        judge=judge,
        entrants=tuple(entrants(contest.methods, contest.model)),
        cases=tuple(cases(_prompts(contest, workshop), contest.seeds, _sizes(contest))),
    )


def _prompts(contest: Contest, workshop: Workshop) -> list[str]:
    for name, number in {"count": contest.count, "seeds": contest.seeds}.items():
        if number is not None and number < 1:
            raise BadRequest(f"{name} is {number}; 1 or more are possible")
    if contest.prompts is None:
        if not workshop.knows(captions(1)[0]):
            raise BadRequest(
                f"{contest.model} knows nothing of the embedded model's captions; give --prompts"
            )
        return captions(contest.count or (_QUICK if contest.quick else _COUNT))
    found = [line.strip() for _, line in filled_lines(contest.prompts)]
    if not found:
        raise BadRequest(f"{contest.prompts} holds no prompts; one in each line is needed")
    if any(line.startswith("{") for line in found):
        raise BadRequest(f"{contest.prompts} holds JSON; a prompt alone in each line is needed")
    return found[: contest.count]


def _sizes(contest: Contest) -> list[Size]:
    """As typed; unset, of the model's native side."""
    if contest.sizes:
        return [Size(*size("sizes", text)) for text in contest.sizes]
    facts = card(contest.model)
    side = facts.native.height * facts.factor
    square = [Size(k * side, k * side) for k in (2, 3, 4)]
    return square[:1] if contest.quick else [*square, Size(2 * side, 4 * side)]
