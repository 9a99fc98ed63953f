"""Training by a few single-threaded processes whose parameters are averaged now and then.

Two replicas of one thread each are faster on two busy cores than one process of two threads, and
averaging every few steps costs nothing next to exchanging every gradient. A run is a function of
its plan: the random numbers of a step come from its number, and the state is saved at fixed steps,
after the replicas have been made equal, so that a resumed run ends at the weights of an
uninterrupted one.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

Report = Callable[[str], None]  # takes one line of progress

REPORT = 40  # steps between two lines


class Task(Protocol):
    """What is trained: a module and its loss."""

    module: nn.Module

    def optimisers(self, rate: float) -> list[Optimizer]:
        """What moves the module's parameters; the plan sets the rate of every step."""
        ...

    def loss(self, step: int, draw: Generator) -> Tensor:
        """The loss of one batch, drawn with `draw`, at a step of the plan."""
        ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long and how fast to train, and how often to average and save.

    The rate warms up, stays, and falls to zero over the last `decay` steps. The state before the
    fall is kept as `stable.pt`: a longer run can go on from there.
    """

    steps: int
    rate: float
    warmup: int
    decay: int
    replicas: int = 2  # processes, which share every step's batch
    device: str = "cpu"
    average: int = 8  # steps between two averagings
    save: int = 200  # steps between two saved states; a multiple of `average`
    memory: float = 0.99  # of the moving average, per averaging
    seed: int = 0

    def __post_init__(self) -> None:
        if self.save % self.average:
            raise ValueError(f"save={self.save} is not a multiple of average={self.average}")

    def on(self, device: str) -> "Plan":
        """The same plan for a device; an accelerator takes the whole batch in one process."""
        return replace(self, device=device, replicas=self.replicas if device == "cpu" else 1)

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        rise = (step + 1) / max(self.warmup, 1)
        fall = (self.steps - step) / max(self.decay, 1)
        return self.rate * min(1.0, rise, fall)


def train(make: Callable[[], Task], plan: Plan, folder: Path, report: Report = print) -> None:
    """Trains until `plan.steps`, from `folder/state.pt` if it is there; leaves the final state.

    `make` must be picklable; every replica calls it once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if plan.replicas == 1:
        _replica(0, make, plan, folder, report)
        return
    for stale in folder.glob("meeting-*"):  # of a run that was killed
        stale.unlink()
    # Freed memory is kept: the allocator otherwise returns and refaults it at every step.
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):
        os.environ.setdefault(name, str(4 << 30))
    arguments = (make, plan, folder, report)
    torch.multiprocessing.spawn(_replica, arguments, nprocs=plan.replicas)


def load_average(folder: Path, module: nn.Module) -> int:
    """Puts the moving average of a state into a module; returns the state's step."""
    state = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
    module.load_state_dict(state["average"], strict=False)
    return state["step"]


def _replica(rank: int, make: Callable[[], Task], plan: Plan, folder: Path, report: Report) -> None:
    if plan.replicas > 1:
        torch.set_num_threads(1)
        meeting = f"file://{folder.absolute()}/meeting-{os.getppid()}"
        dist.init_process_group("gloo", meeting, world_size=plan.replicas, rank=rank)
    torch.manual_seed(plan.seed)
    run = _Run(make(), plan, folder)
    losses, since = [], time.monotonic()
    while run.step < plan.steps:
        losses.append(run.advance(rank))
        if run.step % plan.average == 0 or run.step == plan.steps:
            run.meet()
        if run.step % plan.save == 0 or run.step == plan.steps:
            run.save(rank)
        if rank == 0 and run.step % REPORT == 0:
            pace = (time.monotonic() - since) / len(losses)
            left = (plan.steps - run.step) * pace / 60
            mean = sum(losses) / len(losses)
            report(f"step {run.step}/{plan.steps} loss {mean:.4f} {pace:.3f} s/step {left:.0f} min")
            losses, since = [], time.monotonic()
    if plan.replicas > 1:
        dist.barrier()
        dist.destroy_process_group()
        (folder / f"meeting-{os.getppid()}").unlink(missing_ok=True)


def adamw(weights: Iterable[nn.Parameter], rate: float) -> Optimizer:
    """AdamW with a short memory, for short runs."""
    return torch.optim.AdamW(weights, rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)


class _Run:
    """One replica's progress."""

    def __init__(self, task: Task, plan: Plan, folder: Path) -> None:
        self.task, self.plan, self.folder, self.step = task, plan, folder, 0
        self.weights = [p for p in task.module.parameters() if p.requires_grad]
        self.optimisers = task.optimisers(plan.rate)
        self.average = [p.detach().clone() for p in self.weights]
        if (folder / "state.pt").exists():
            state = torch.load(folder / "state.pt", map_location=plan.device, weights_only=True)
            self._load(state)

    def advance(self, rank: int) -> float:
        """One step of one replica; returns its loss."""
        seed = (self.plan.seed * 1_000_003 + self.step) * self.plan.replicas + rank
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.plan.rate_at(self.step)
        loss = self.task.loss(self.step, torch.Generator().manual_seed(seed))
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return loss.item()

    @torch.no_grad()
    def meet(self) -> None:
        """Makes the replicas' parameters equal and follows them with the moving average."""
        _equalise(self.weights, self.plan.replicas)
        meetings = self.step / self.plan.average
        memory = min(self.plan.memory, (1 + meetings) / (10 + meetings))
        torch._foreach_lerp_(self.average, self.weights, 1 - memory)

    def save(self, rank: int) -> None:
        """Writes the state; averages the optimisers, so that one replica's is everyone's."""
        moments = [
            moment
            for optimiser in self.optimisers
            for state in optimiser.state.values()
            for name, moment in state.items()
            if name != "step"
        ]
        _equalise(moments, self.plan.replicas)
        if rank:
            return
        names = [n for n, p in self.task.module.named_parameters() if p.requires_grad]
        state = {
            "step": self.step,
            "weights": dict(zip(names, (p.detach() for p in self.weights), strict=True)),
            "average": dict(zip(names, self.average, strict=True)),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        path, part = self.folder / "state.pt", self.folder / "state.part"
        torch.save(state, part)
        part.replace(path)
        before = self.plan.steps - self.plan.decay
        if before - self.plan.save < self.step <= before:
            shutil.copyfile(path, self.folder / "stable.pt")

    def _load(self, state: dict) -> None:
        self.step = state["step"]
        self.task.module.load_state_dict(state["weights"], strict=False)
        for mine, saved in zip(self.average, state["average"].values(), strict=True):
            mine.copy_(saved)
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)


@torch.no_grad()
def _equalise(tensors: list[Tensor], replicas: int) -> None:
    if replicas == 1:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    parts = flat.div_(replicas).split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view_as(tensor))
