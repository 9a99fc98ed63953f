"""What spreading the views of a step costs, and what it gains on this machine.

    python -m benchmarks.workers            # processes
    python -m benchmarks.workers --ray      # and a Ray cluster of two nodes, here

Writes `benchmarks/results/workers.json`.
"""

import argparse
import itertools
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import torch

import muralist
from muralist.canvas import Size
from muralist.models import card
from muralist.query import Cond, Estimate, Query
from muralist.run import Batches, Crew, hired
from muralist.run.crew import Nobody
from muralist.run.processes import Processes
from muralist.run.task import Task
from muralist.run.wire import packed
from muralist.solvers.schedule import schedule
from muralist.views import Grid

RESULTS = Path(__file__).parent / "results" / "workers.json"
CPU = torch.device("cpu")
WINDOW, STRIDE, SIDE = 128, 64, 576  # 8 x 8 windows: 64 views of SDXL's


def no_op(x: torch.Tensor, q: Query) -> Estimate:
    """A network that takes no time, and answers with tensors of its own, as networks do."""
    return Estimate(x.clone(), x.clone())


class Weighed:
    """A team whose messages to workers are weighed."""

    def __init__(self, team: Any) -> None:
        self.team, self.sizes = team, []

    def __len__(self) -> int:
        return len(self.team)

    def give(self, worker: int, task: Task) -> None:
        self.sizes.append(packed(task).size)
        self.team.give(worker, task)

    def heard(self, wait: bool) -> Any:
        return self.team.heard(wait)

    def close(self) -> None:
        self.team.close()


def question() -> Query:
    steps = schedule(card("toy").scheduler, 50).steps
    cond = Cond(torch.randn(1, 77, 2048), torch.randn(1, 1280))
    size = Size(SIDE, SIDE)
    return Query(step=steps[0], cond=cond, negative=cond, canvas=size, final=size)


def overhead(crew: Crew, batch: int) -> float:
    """Milliseconds of a step of 64 views that nobody computes: median of 15, after 3."""
    q, x = question(), torch.randn(1, 4, SIDE, SIDE)
    views = Grid(Size(WINDOW, WINDOW), STRIDE)(q)
    assert len(views) == 64
    run = Batches(batch, CPU, crew.map, len(crew))
    times = []
    for _ in range(18):
        began = time.perf_counter()
        for _part in run(no_op, x, q, views):
            pass
        times.append(1e3 * (time.perf_counter() - began))
    return round(median(times[3:]), 1)


def message(batch: int) -> dict[str, int]:
    """Bytes to a worker for its first batch, and for a later one."""
    from tests.crews import Benches

    team = Weighed(Benches(1))
    run = Batches(batch, CPU, Crew(team, here=False).map, 1)
    q = question()
    for _ in range(2):
        list(run(no_op, torch.randn(1, 4, SIDE, SIDE), q, Grid(Size(WINDOW, WINDOW), STRIDE)(q)))
    return {
        "first": team.sizes[0],
        "later": team.sizes[-1],
        "answer": 2 * batch * 4 * WINDOW**2 * 4,
    }


def painting(workers: int, size: int, steps: int) -> dict[str, float]:
    """Seconds of the shapes model at DemoFusion's second stage and later, and in all."""
    began, ticks = time.perf_counter(), []
    request = muralist.Request(
        prompt="a red circle on a blue background",
        height=size,
        width=size,
        num_inference_steps=steps,
        batch_size=8,
        workers=workers,
    )
    for event in muralist.generate(request):
        if isinstance(event, muralist.Ticked) and event.stage == size // 128:
            ticks.append(time.perf_counter())
    steady = [later - sooner for sooner, later in itertools.pairwise(ticks)]
    return {"all": round(time.perf_counter() - began, 1), "step": round(median(steady), 2)}


def teams(with_ray: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Crews by their names."""
    yield "this process alone", lambda: crew_of(Nobody)
    yield "2 processes, this one included", lambda: crew_of(lambda: Processes([CPU]))
    yield "1 other process, this one idle", lambda: crew_of(lambda: Processes([CPU]), False)
    if with_ray:
        yield "2 Ray actors on 2 nodes", on_ray


@contextmanager
def crew_of(team: Callable[[], Any], here: bool = True) -> Iterator[Crew]:
    with Crew(team(), here) as crew:
        yield crew


@contextmanager
def on_ray() -> Iterator[Crew]:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    try:
        with hired(2, cluster.address, CPU, no_op) as crew:
            yield crew
    finally:
        cluster.shutdown()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ray", action="store_true", help="measure a Ray cluster, too")
    parser.add_argument("--size", type=int, default=512, help="pixels a side of the painting")
    parser.add_argument("--steps", type=int, default=8)
    given = parser.parse_args(arguments)
    found: dict[str, Any] = {
        "machine": {"processors": os.cpu_count(), "torch": torch.__version__},
        "python": platform.python_version(),
        "bytes for a batch of 8 views": message(8),
        "ms for a step of 64 views": {},
        "seconds with the shapes model": {},
    }
    for name, team in teams(given.ray):
        with team() as crew:
            times = {f"batches of {size}": overhead(crew, size) for size in (8, 16)}
        found["ms for a step of 64 views"][name] = times
    for workers in (1, 2):
        times = painting(workers, given.size, given.steps)
        found["seconds with the shapes model"][f"{workers} of one thread"] = times
    print(json.dumps(found, indent=1))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    from benchmarks import workers  # under the name by which others can import it

    with torch.no_grad():
        workers.main()
