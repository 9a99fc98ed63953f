"""Workers that are actors of a Ray cluster."""

import os
import socket
from typing import Any

import numpy as np
import torch

from muralist.errors import BadRequest
from muralist.run.task import Bench, Result, Task
from muralist.run.wire import Packed, packed, unpacked

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before the import, which reads it

import ray
from ray.exceptions import RayActorError

__all__ = ["Actors"]


class Actors:
    """Actors of the cluster at `address`, each with a GPU of its own where `device` is one.

    `address` is `auto` for the cluster this machine belongs to, HOST:PORT or ray://HOST:PORT, or
    `local` for one that is started here and ends with the run. `count` of them; unset, one for
    each GPU of the cluster, or for each of its machines where the model is on the CPU. On every
    machine there is the same muralist, and the model under the same name.

    Raises `BadRequest` where the cluster is not to be reached or too small.
    """

    def __init__(self, address: str, count: int | None, device: torch.device) -> None:
        self._ours = _joined(address)
        try:
            gpu = device.type == "cuda"
            count = count or _most(gpu)
            _check_room(count, gpu)
            kind: Any = ray.remote(num_cpus=1, num_gpus=int(gpu), max_restarts=0)(_Actor)
            self.actors = [kind.remote() for _ in range(count)]
        except BaseException:
            self._leave()
            raise
        self._answers: dict[Any, int] = {}  # what will be answered, and by whom
        self._kept: dict[int, Any] = {}  # tensors in the object store, by their numbers

    def __len__(self) -> int:
        return len(self.actors)

    def give(self, worker: int, task: Task) -> None:
        for number in task.gone:
            self._kept.pop(number, None)
        for number in task.tensors:
            if number not in self._kept:
                self._kept[number] = ray.put(_arrays(packed(task.tensors[number])))
        kept = {number: self._kept[number] for number in task.tensors}
        rest = _arrays(packed(task._replace(tensors={})))
        self._answers[self.actors[worker].reply.remote(rest, kept)] = worker

    def heard(self, wait: bool) -> list[tuple[int, Result | None]]:
        waited, timeout = list(self._answers), None if wait else 0
        if not waited:
            return []
        first, rest = ray.wait(waited, num_returns=1, timeout=timeout)
        more = ray.wait(rest, num_returns=len(rest), timeout=0)[0] if rest else []
        said: list[tuple[int, Result | None]] = []
        for answer in [*first, *more]:
            worker = self._answers.pop(answer, None)
            if worker is not None:
                said.append((worker, self._result(worker, answer)))
        return said

    def _result(self, worker: int, answer: Any) -> Result | None:
        try:
            return unpacked(Packed(*ray.get(answer)))
        except RayActorError:
            self._answers = {each: at for each, at in self._answers.items() if at != worker}
            return None

    def close(self) -> None:
        for actor in self.actors:
            ray.kill(actor)
        self._answers, self._kept = {}, {}
        self._leave()

    def _leave(self) -> None:
        if self._ours:
            ray.shutdown()


class _Actor:
    """A worker on some machine of the cluster."""

    def __init__(self) -> None:
        self._bench = Bench()

    def node(self) -> str:
        """The machine it is on."""
        return ray.get_runtime_context().get_node_id()

    def reply(self, rest: tuple, kept: dict[int, Any]) -> tuple:
        arrays = zip(kept, ray.get(list(kept.values())), strict=True)
        tensors = {number: unpacked(Packed(*each)) for number, each in arrays}
        task: Task = unpacked(Packed(*rest))
        return _arrays(self._bench.reply(task._replace(tensors=tensors)))


def _arrays(what: Packed) -> tuple[bytes, list[np.ndarray]]:
    """What was packed as Ray sends it without a copy."""
    return what.head, [np.frombuffer(part, np.uint8) for part in what.parts]


def _joined(address: str) -> bool:
    """Joins a cluster; false where this process was a part of one already."""
    if ray.is_initialized():
        return False
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (OSError, RuntimeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadRequest(
            f"there is no Ray cluster to be joined at {address!r}: {reason}"
        ) from error
    return True


def _knock(address: str) -> None:
    """Raises `OSError` where nobody is at HOST:PORT, which Ray would find out in minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _most(gpu: bool) -> int:
    """A worker for each GPU of the cluster, or for each machine."""
    if gpu:
        return int(ray.cluster_resources().get("GPU", 0))
    return sum(node["Alive"] for node in ray.nodes())


def _check_room(count: int, gpu: bool) -> None:
    kind = "GPU" if gpu else "CPU"
    there = int(ray.cluster_resources().get(kind, 0))
    if not 0 < count <= there:
        raise BadRequest(f"workers is {count}; each takes a {kind}, and the cluster has {there}")
