"""Workers that are processes of this machine, one per GPU."""

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import wait as first_of
from queue import SimpleQueue

import torch
from tqdm import tqdm

from muralist.errors import BadRequest
from muralist.run.task import Bench, Result, Task
from muralist.run.wire import Bytes, Packed, packed, unpacked

__all__ = ["Processes", "devices"]

_SHARE = 4  # processes for a processor, at most
_GRACE = 10.0  # seconds in which a worker writes down what it has


def devices(count: int, own: torch.device) -> list[torch.device]:
    """Where `count` processes compute, this one, which has its model on `own`, first.

    Raises `BadRequest` where there are not so many.
    """
    if own.type == "cpu":
        processors = os.cpu_count() or 1
        if count > _SHARE * processors:
            raise BadRequest(
                f"workers is {count}; this machine has {processors} processors, and"
                f" {_SHARE * processors} are the most that may share them"
            )
        return [own] * count
    there = torch.cuda.device_count() if own.type == "cuda" else 1
    if count > there:
        raise BadRequest(
            f"workers is {count}; every worker takes a device of its own, and this machine has"
            f" {there} ({own.type})"
        )
    current = torch.cuda.current_device() if torch.cuda.is_initialized() else 0
    mine = current if own.index is None else own.index
    return [torch.device(own.type, at) for at in (mine, *(set(range(there)) - {mine}))][:count]


class Processes:
    """A process for each of `devices`, beside this one.

    Each has a socket of its own: a death is the end of that stream, and nobody else waits for
    anything the dead one held. They ignore Ctrl-C, and end when this process does, however it
    does. Processors of this machine are shared among all of them and this one.
    """

    def __init__(self, devices: Sequence[torch.device]) -> None:
        context = get_context("spawn")  # CUDA does not survive a fork
        self._threads = torch.get_num_threads()
        share = max(self._threads // (len(devices) + 1), 1)
        self._sockets: list[socket.socket | None] = []
        self.processes = []
        for device in devices:
            ours, theirs = socket.socketpair()
            process = context.Process(target=_work, args=(theirs, device, share), daemon=True)
            with theirs, _deaf_to_ctrl_c():
                process.start()
            self._sockets.append(ours)
            self.processes.append(process)
        torch.set_num_threads(share)

    def __len__(self) -> int:
        return len(self.processes)

    def give(self, worker: int, task: Task) -> None:
        stream = self._sockets[worker]
        with suppress(OSError):  # it is dead, and will be heard of
            if stream is not None:
                _send(stream, packed(task))

    def heard(self, wait: bool) -> list[tuple[int, Result | None]]:
        streams = {at: each for at, each in enumerate(self._sockets) if each is not None}
        ready = first_of(list(streams.values()), None if wait else 0) if streams else []
        spoken = [(at, each) for at, each in streams.items() if each in ready]
        return [(at, self._said(at, each)) for at, each in spoken]

    def _said(self, worker: int, stream: socket.socket) -> Result | None:
        try:
            return unpacked(_received(stream))
        except (EOFError, OSError):
            stream.close()
            self._sockets[worker] = None
            return None

    def close(self) -> None:
        for stream in self._sockets:
            if stream is not None:
                stream.close()
        for process in self.processes:
            process.terminate()  # it may still be importing, and deaf to the end of its stream
        for process in self.processes:
            process.join(_GRACE + 2)
            process.kill()
            process.join()
        torch.set_num_threads(self._threads)


def _work(stream: socket.socket, device: torch.device, threads: int) -> None:
    """A worker's life."""
    signal.signal(signal.SIGTERM, _leave)
    tqdm.set_lock(threading.RLock())  # its own is a semaphore, which a process that is killed leaks
    torch.set_num_threads(threads)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    tasks: SimpleQueue[Packed] = SimpleQueue()
    threading.Thread(target=_receive, args=(stream, tasks), daemon=True).start()
    bench = Bench()
    with suppress(OSError):
        while True:
            _send(stream, bench.reply(unpacked(tasks.get())))
    os._exit(0)


def _receive(stream: socket.socket, tasks: "SimpleQueue[Packed]") -> None:
    """Takes what comes, so that whoever sends never waits for the work; ends with the stream."""
    with suppress(EOFError, OSError):
        while True:
            tasks.put(_received(stream))
    os.kill(os.getpid(), signal.SIGTERM)  # in the midst of work, too: nobody waits for it
    time.sleep(_GRACE)
    os._exit(0)


def _leave(*_: object) -> None:
    """Ends the work as an error would: what is kept of it is written down."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """What is started inside is never interrupted: it inherits what is blocked here."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # who starts it would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_LENGTH = struct.Struct("!Q")


def _send(stream: socket.socket, what: Packed) -> None:
    """The number of parts, their lengths, the parts; the head is the first."""
    parts = [memoryview(part).cast("B") for part in (what.head, *what.parts)]
    lengths = [len(parts), *(part.nbytes for part in parts)]
    stream.sendall(b"".join(map(_LENGTH.pack, lengths)))
    for part in parts:
        stream.sendall(part)


def _received(stream: socket.socket) -> Packed:
    (count,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    lengths = [length for (length,) in _LENGTH.iter_unpack(_exactly(stream, _LENGTH.size * count))]
    head, *parts = (_exactly(stream, length) for length in lengths)
    return Packed(bytes(head), parts)


def _exactly(stream: socket.socket, length: int) -> Bytes:
    """So many bytes, received where they will stay."""
    data = memoryview(bytearray(length))
    done = 0
    while done < length:
        got = stream.recv_into(data[done:])
        if not got:
            raise EOFError("the stream has ended")
        done += got
    return data
