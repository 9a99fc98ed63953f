"""What a run takes: seconds by part, processor time, memory, energy."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

__all__ = ["POWERCAP", "Meter", "Taken", "bytes_now", "forget_peak", "peak_bytes"]

POWERCAP = Path("/sys/class/powercap")  # where Linux tells what RAPL counts
_CLEAR = Path("/proc/self/clear_refs")  # written to, it forgets the peak


@dataclass(frozen=True)
class Taken:
    """What a run took; None where the machine does not tell."""

    seconds: Mapping[str, float]  # by part, in the order in which parts ended
    cpu_seconds: float  # of all threads of this process together
    peak_bytes: int | None  # at most, beyond those at the start
    joules: float | None


class Meter:
    """Measures from when it is made, until the last part is `done`.

    Memory is what tensors take on a CUDA device, and else what the process takes, on Linux. Energy
    is that of the graphics card by NVML (where `pynvml` can be imported), and else that of
    processors and memory by RAPL (where its files may be read): of the whole board or machine,
    whoever uses it. Nothing is waited for within a part; a CUDA device is where a part ends.
    """

    def __init__(
        self,
        device: torch.device | str = "cpu",
        *,
        clock: Callable[[], float] = time.perf_counter,
        cpu_clock: Callable[[], float] = time.process_time,
        powercap: Path = POWERCAP,
    ) -> None:
        self._device, self._clock, self._cpu_clock = torch.device(device), clock, cpu_clock
        self._counters = _counters(self._device, powercap)
        self._seconds: dict[str, float] = {}
        self._joules = 0.0
        _wait(self._device)
        self._bytes = bytes_now(self._device) if forget_peak(self._device) else None
        self._peak: int | None = None
        self._counted = _read(self._counters)
        self._began_cpu = self._ended_cpu = cpu_clock()
        self._mark = clock()

    def done(self, part: str) -> None:
        """A part is over: what passed since the last one is its; parts of one name are added up."""
        _wait(self._device)
        now = self._clock()
        self._seconds[part] = self._seconds.get(part, 0.0) + now - self._mark
        self._ended_cpu, self._peak = self._cpu_clock(), peak_bytes(self._device)
        counted = _read(self._counters)
        if counted is None or self._counted is None:
            self._counters = ()  # what is not told once is not told
        else:
            pairs = zip(self._counters, self._counted, counted, strict=True)
            self._joules += sum(each.joules(*between) for each, *between in pairs)
        self._counted, self._mark = counted, self._clock()

    def taken(self) -> Taken:
        """All parts so far."""
        grown = None
        if self._bytes is not None and self._peak is not None:
            grown = max(self._peak - self._bytes, 0)
        cpu_seconds = self._ended_cpu - self._began_cpu
        joules = self._joules if self._counters else None
        return Taken(dict(self._seconds), cpu_seconds, grown, joules)


# --- memory ------------------------------------------------------------------------------------


def bytes_now(device: torch.device | str) -> int | None:
    """Bytes in tensors on a CUDA device; for others, of this process in memory."""
    if torch.device(device).type == "cuda":
        return torch.cuda.memory_allocated(device)
    return _resident("VmRSS")


def peak_bytes(device: torch.device | str) -> int | None:
    """The most of them since the peak was forgotten."""
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return _resident("VmHWM")


def forget_peak(device: torch.device | str) -> bool:
    """Whether the peak is counted anew from here on."""
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        with _CLEAR.open("r+") as file:  # without making one
            file.write("5")
    except OSError:  # another system, or a container that may not
        return False
    return True


def _resident(name: str) -> int | None:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:")), None)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


# --- energy ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Counter:
    """Counts joules in units of `unit`, from 0 again once it has reached `most`."""

    read: Callable[[], int]
    unit: float
    most: int | None = None

    def joules(self, before: int, after: int) -> float:
        """Between two readings, with at most one wrap-around."""
        again = self.most if self.most and after < before else 0
        return (after - before + again) * self.unit


def _read(counters: tuple[_Counter, ...]) -> list[int] | None:
    try:
        return [counter.read() for counter in counters]
    except (OSError, ValueError):  # counters of RAPL are often for administrators alone
        return None


def _counters(device: torch.device, powercap: Path) -> tuple[_Counter, ...]:
    counters = _of_card(device) if device.type == "cuda" else _of_processors(powercap)
    found = tuple(counters)
    return found if _read(found) else ()


def _of_processors(powercap: Path) -> Iterator[_Counter]:
    """Processor packages, and memory, which is no part of them; their cores are."""
    for zone in sorted(powercap.glob("intel-rapl:*")):
        name = zone / "name"
        kind = name.read_text().strip() if name.is_file() else ""
        if kind.startswith("package") or kind == "dram":
            most = int((zone / "max_energy_range_uj").read_text())
            counted = zone / "energy_uj"
            yield _Counter(lambda counted=counted: int(counted.read_text()), 1e-6, most)


def _of_card(device: torch.device) -> Iterator[_Counter]:
    """The board that torch calls by this name, which NVML may number otherwise."""
    try:
        import pynvml  # type: ignore[import-not-found]
    except ImportError:
        return
    try:
        pynvml.nvmlInit()
        card = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle = pynvml.nvmlDeviceGetHandleByUUID(card)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:  # cards before Volta do not count
        return
    yield _Counter(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle), 1e-3)
