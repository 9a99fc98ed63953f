"""What the methods cost, by muralist, and, where there is one, by a plain loop.

`python -m benchmarks.cost --model shapes --out benchmarks/results/cost.json`
"""

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import cyclopts
import torch

from benchmarks.measure import Asked
from muralist import METHODS
from muralist.bench.machine import machine

__all__ = ["into_page", "main", "table"]

Run: TypeAlias = Mapping[str, Any]  # what was asked, what was measured, and `difference`

HERE = Path(__file__).parent
LOOPS: Mapping[str, tuple[str, int]] = {  # way, batch size
    "plain": ("plain", 1),
    "muralist, batch 1": ("muralist", 1),
    "muralist, batch 16": ("muralist", 16),
}
PLAIN = ("multidiffusion", "demofusion")  # methods that are written as plain loops, too


def main(
    *,
    model: str = "shapes",
    steps: int | None = None,
    out: Path = HERE / "results" / "cost.json",
    method: Sequence[str] = tuple(METHODS),
    scale: Sequence[int] = (2, 4),
    repeats: int = 1,
    threads: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> None:
    """Measures every method at every scale by every loop, in turn, each in a process of its own.

    The JSON is written anew after every run. The table is printed, and put into the README beside
    this file where two comments there bear the name of the JSON file.

    Parameters
    ----------
    model: an alias, or a folder in diffusers format
    steps: the model's own number if unset
    scale: sides of the picture, in native sides; may be repeated, as may the method
    repeats: runs of each, of which the table shows the medians
    threads: of torch; its own choice if unset
    """
    common = Asked(
        way="",
        method="",
        scale=0,
        model=model,
        steps=steps,
        threads=threads,
        device=device,
        dtype=dtype,
    )
    result: dict[str, Any] = {"machine": machine(device), "runs": []}
    out.parent.mkdir(parents=True, exist_ok=True)
    for run in _runs(common, itertools.product(scale, method), repeats):
        result["runs"].append(run)
        out.write_text(json.dumps(result, indent=1) + "\n")
        print(_line(run), file=sys.stderr, flush=True)
    text = table(result)
    print(text)
    into_page(HERE / "README.md", out.stem, text)


def _runs(common: Asked, cases: Iterator[tuple[int, str]], repeats: int) -> Iterator[Run]:
    """Loops take turns, so that a machine that grows busier slows all of them."""
    with tempfile.TemporaryDirectory() as folder:
        for scale, method in cases:
            loops = {name: loop for name, loop in LOOPS.items() if _exists(loop, method)}
            first, *_ = loops
            for _, (name, (way, batch_size)) in itertools.product(range(repeats), loops.items()):
                latents = str(Path(folder) / f"{name}.pt")
                asked = replace(
                    common,
                    way=way,
                    method=method,
                    scale=scale,
                    batch_size=batch_size,
                    latents=latents,
                )
                measured = _measured_elsewhere(asked)
                difference = _difference(latents, str(Path(folder) / f"{first}.pt"))
                facts = asdict(replace(asked, latents=None))
                yield {**facts, "loop": name, **measured, "difference": difference}


def _exists(loop: tuple[str, int], method: str) -> bool:
    return loop[0] != "plain" or method in PLAIN


def _measured_elsewhere(asked: Asked) -> Run:
    command = [sys.executable, "-m", "benchmarks.measure", json.dumps(asdict(asked))]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stderr}\n{asked} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def _difference(latents: str, first: str) -> float:
    """The largest between two results, in standard deviations of the first loop's."""
    ours, reference = torch.load(latents), torch.load(first)
    return float((ours - reference).abs().max() / reference.std())


def _line(run: Run) -> str:
    seconds = " ".join(f"{part} {value:.1f}" for part, value in run["seconds"].items())
    return f"{run['method']} {run['scale']}x, {run['loop']}: {seconds}"


def table(result: Mapping[str, Any]) -> str:
    """Markdown: a caption, and medians over the runs of each method, scale and loop."""
    heads = (
        "method",
        "side",
        "loop",
        "evaluations",
        "calls",
        "base s",
        "larger s",
        "decode s",
        "CPU s",
        "painting MB",
        "peak MB",
        "canvases",
    )
    groups: dict[tuple, list[Run]] = {}
    for run in result["runs"]:
        groups.setdefault((run["method"], f"{run['scale']}x", run["loop"]), []).append(run)
    rows = [heads, ("---",) * 3 + ("---:",) * 9]
    rows += [(*key, *_figures(runs)) for key, runs in groups.items()]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([_caption(result), "", *lines])


def _figures(runs: Sequence[Run]) -> list[str]:
    def middle(*path: str) -> float:
        """The median of a value, or of the sum of some parts' seconds."""
        name, *parts = path
        if not parts:
            return median(run[name] for run in runs)
        return median(sum(run[name].get(part, 0.0) for part in parts) for run in runs)

    return [
        f"{middle('evaluations'):.0f}",
        f"{middle('calls'):.0f}",
        f"{middle('seconds', 'base'):.1f}",
        f"{middle('seconds', 'larger'):.1f}",
        f"{middle('seconds', 'decode'):.1f}",
        f"{middle('cpu_seconds', 'base', 'larger'):.1f}",
        f"{middle('painting_bytes') / 1e6:.0f}",
        f"{middle('peak_bytes') / 1e6:.0f}",
        f"{middle('canvases_bytes') / middle('canvas_bytes'):.1f}",
    ]


def _caption(result: Mapping[str, Any]) -> str:
    facts, runs = result["machine"], result["runs"]
    first = runs[0]
    loads = [load for run in runs for load in run["load_average"]]
    shares = [_share(run) for run in runs]
    busy = (
        " The machine was busy with other work, which left runs"
        f" {min(shares):.2f} to {max(shares):.2f} of a core: compare CPU seconds, not the others."
    )
    return (
        f"Model `{first['model']}`, {first['steps']} steps, {first['dtype']},"
        f" {facts['gpu'] or facts['processor']}, {facts['cores']} cores,"
        f" {first['threads']} thread{'s' if first['threads'] > 1 else ''},"
        f" torch {facts['torch']}; load average {min(loads):.1f} to {max(loads):.1f}."
        f"{busy if max(loads) > facts['cores'] + 1 else ''}"
        f" Latents differ from those of the first loop of their rows by at most"
        f" {max(run['difference'] for run in runs):.0e} of their standard deviation."
    )


def _share(run: Run) -> float:
    """How many cores a run had, on average."""
    return sum(run["cpu_seconds"].values()) / sum(run["seconds"].values())


def into_page(readme: Path, name: str, text: str) -> None:
    """Puts the table between the comments that bear its name, if there are such."""
    start, end = f"<!-- table {name} -->", f"<!-- end of {name} -->"
    page = readme.read_text()
    if start in page and end in page:
        before, after = page.split(start)[0], page.split(end)[1]
        readme.write_text(f"{before}{start}\n{text}\n{end}{after}")


if __name__ == "__main__":
    cyclopts.run(main)
