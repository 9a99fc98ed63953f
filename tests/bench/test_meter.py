"""What a run took is what passed between its parts, and nothing is made up."""

import mmap
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from muralist.bench.meter import Meter, bytes_now, forget_peak, peak_bytes

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


class Clock:
    """Stands still until it is told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def zone(folder: Path, name: str, kind: str, microjoules: int, most: int = 1000) -> Path:
    made = folder / name
    made.mkdir(parents=True)
    for file, text in (("name", kind), ("energy_uj", microjoules), ("max_energy_range_uj", most)):
        (made / file).write_text(f"{text}\n")
    return made / "energy_uj"


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    return tmp_path / "powercap"


def test_seconds_are_those_between_the_ends_of_parts(nowhere):
    clock, cpu = Clock(), Clock()
    meter = Meter(clock=clock, cpu_clock=cpu, powercap=nowhere)
    for part, seconds in (("base", 2.0), ("upscale", 3.0), ("decode", 0.5), ("upscale", 1.0)):
        clock.now += seconds
        cpu.now += 10 * seconds
        meter.done(part)
    clock.now += 50  # nobody's
    taken = meter.taken()
    assert dict(taken.seconds) == {"base": 2.0, "upscale": 4.0, "decode": 0.5}
    assert list(taken.seconds) == ["base", "upscale", "decode"]
    assert taken.cpu_seconds == 65.0


def test_what_was_taken_does_not_change_when_the_meter_goes_on(nowhere):
    meter = Meter(powercap=nowhere)
    meter.done("base")
    taken = meter.taken()
    meter.done("decode")
    assert list(taken.seconds) == ["base"]


# --- memory ------------------------------------------------------------------------------------


def pages(mebibytes: int) -> mmap.mmap:
    """Memory that is really taken, and given back when closed: no allocator has it in store."""
    memory = mmap.mmap(-1, mebibytes << 20)
    for at in range(0, len(memory), mmap.PAGESIZE):
        memory[at] = 1
    return memory


@LINUX
def test_the_peak_is_what_was_held_at_once_beyond_the_start(nowhere):
    kept = pages(64)
    meter = Meter(powercap=nowhere)
    for _ in range(3):
        pages(64).close()
    meter.done("painting")
    peak = meter.taken().peak_bytes
    assert peak is not None and 56 << 20 < peak < 96 << 20
    kept.close()


@LINUX
def test_a_peak_that_is_forgotten_is_over():
    more = bytearray(b"1" * (64 << 20))
    del more
    forget_peak("cpu")
    peak, now = peak_bytes("cpu"), bytes_now("cpu")
    assert peak is not None and now is not None and peak - now < 16 << 20


def test_where_the_system_does_not_tell_memory_is_unknown(monkeypatch, nowhere):
    monkeypatch.setattr("muralist.bench.meter._resident", lambda name: None)
    meter = Meter(powercap=nowhere)
    meter.done("base")
    assert meter.taken().peak_bytes is None


def test_a_peak_that_cannot_be_forgotten_is_not_the_runs_own(monkeypatch, nowhere):
    monkeypatch.setattr("muralist.bench.meter._CLEAR", nowhere / "clear_refs")
    assert not forget_peak("cpu") and not nowhere.exists()
    assert taken_with(nowhere).peak_bytes is None


# --- energy ------------------------------------------------------------------------------------


def test_packages_and_memory_are_added_up_and_their_parts_are_not(nowhere):
    counters = [
        zone(nowhere, "intel-rapl:0", "package-0", 100),
        zone(nowhere, "intel-rapl:1", "package-1", 200),
        zone(nowhere, "intel-rapl:0:1", "dram", 300),
        zone(nowhere, "intel-rapl:0:0", "core", 400),
        zone(nowhere, "intel-rapl:2", "psys", 500),
        zone(nowhere, "intel-rapl-mmio:0", "package-0", 100),
    ]
    meter = Meter(powercap=nowhere)
    for counter, more in zip(counters, (1, 2, 4, 8, 16, 32), strict=True):
        counter.write_text(str(int(counter.read_text()) + more))
    meter.done("base")
    assert meter.taken().joules == pytest.approx(7e-6)


def test_a_counter_that_begins_again_is_counted_on(nowhere):
    counter = zone(nowhere, "intel-rapl:0", "package-0", 900, most=1000)
    meter = Meter(powercap=nowhere)
    for reading in (980, 50, 40):  # 80, and 70 across the end, and 990
        counter.write_text(str(reading))
        meter.done("base")
    assert meter.taken().joules == pytest.approx((80 + 70 + 990) * 1e-6)


def test_where_no_counter_may_be_read_energy_is_unknown(nowhere):
    assert taken_with(nowhere).joules is None
    counter = zone(nowhere, "intel-rapl:0", "package-0", 900)
    counter.unlink()
    counter.mkdir()  # as good as forbidden, for administrators too
    assert taken_with(nowhere).joules is None


def test_a_counter_that_falls_silent_leaves_energy_unknown(nowhere):
    counter = zone(nowhere, "intel-rapl:0", "package-0", 900)
    meter = Meter(powercap=nowhere)
    counter.unlink()
    meter.done("base")
    zone(nowhere, "intel-rapl:1", "package-1", 1)
    meter.done("decode")
    assert meter.taken().joules is None


def taken_with(powercap: Path):
    meter = Meter(powercap=powercap)
    meter.done("base")
    return meter.taken()


# --- a graphics card, made up ------------------------------------------------------------------


@pytest.fixture
def card(monkeypatch) -> Iterator[SimpleNamespace]:
    """One that notes when it is waited for, and counts millijoules."""
    state = SimpleNamespace(millijoules=5000, peak=0, waits=0, asked=[])

    def waited(device: torch.device) -> None:
        state.waits += 1

    def handle(name: str) -> str:
        state.asked.append(name)
        return name

    nvml = SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=handle,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: state.millijoules,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    for name, function in {
        "synchronize": waited,
        "memory_allocated": lambda device: 1000,
        "max_memory_allocated": lambda device: state.peak,
        "reset_peak_memory_stats": lambda device: None,
        "get_device_properties": lambda device: SimpleNamespace(uuid="1-2"),
    }.items():
        monkeypatch.setattr(torch.cuda, name, function)
    state.nvml = nvml
    return state


def test_a_card_tells_its_memory_and_its_energy(card, nowhere):
    zone(nowhere, "intel-rapl:0", "package-0", 900)  # is not asked
    meter = Meter("cuda:1", powercap=nowhere)
    card.millijoules, card.peak = 7500, 4000
    meter.done("base")
    taken = meter.taken()
    assert (taken.joules, taken.peak_bytes, card.asked) == (2.5, 3000, ["GPU-1-2"])


def test_a_card_is_waited_for_where_parts_end_alone(card, nowhere):
    meter = Meter("cuda", powercap=nowhere)
    assert card.waits == 1
    meter.done("base")
    meter.done("decode")
    meter.taken()
    assert card.waits == 3


def test_a_card_that_does_not_count_leaves_energy_unknown(card, nowhere):
    def refuse(handle: str) -> int:
        raise RuntimeError("not supported")

    card.nvml.nvmlDeviceGetTotalEnergyConsumption = refuse
    meter = Meter("cuda", powercap=nowhere)
    meter.done("base")
    assert meter.taken().joules is None
