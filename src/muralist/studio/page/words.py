"""Numbers and sentences as the page says them, in HTML."""

from collections.abc import Sequence
from html import escape

from muralist.canvas import Size
from muralist.studio.estimate import Effort, Estimate

__all__ = [
    "base_line",
    "counted",
    "duration",
    "effort_line",
    "hint",
    "memory_line",
    "meter",
    "refusal",
    "shortened",
    "stages_line",
]


def duration(seconds: float) -> str:
    """To two figures, in words: `under a second`, `40 s`, `12 min`, `3 h 20 min`, `2 days`."""
    if seconds < 1:
        return "under a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
    return f"{hours / 24:.0f} days"


def counted(count: int) -> str:
    """Bytes: `640 KiB`, `12 MiB`, `2.1 GiB`."""
    if count < 2**20:
        return f"{count / 2**10:.0f} KiB"
    if count < 2**30:
        return f"{count / 2**20:.0f} MiB"
    return f"{count / 2**30:.1f} GiB"


def shortened(words: str) -> str:
    """The beginning of what somebody wrote, for a line."""
    return words if len(words) <= 40 else f"{words[:38]}…"


def meter(share: float, label: str) -> str:
    """How far something has come, of 1, as a bar."""
    done = round(100 * share)
    return (
        f'<span class="progress" role="progressbar" aria-label="{escape(label)}" aria-valuemin="0"'
        f' aria-valuemax="100" aria-valuenow="{done}"><i style="width: {done}%"></i></span>'
    )


def refusal(sentence: str) -> str:
    """Why it cannot be, in red."""
    return f'<p class="refusal" role="alert">{escape(_capital(sentence))}</p>'


def hint(sentence: str) -> str:
    """What is to be done next."""
    return f'<p class="help">{escape(_capital(sentence))}</p>'


def stages_line(stages: Sequence[Size]) -> str:
    """The way to the last size: all stages, or the first and the last of many."""
    if len(stages) == 1:
        return f"One stage of {stages[0]} pixels"
    if len(stages) <= 4:
        return f"{len(stages)} stages: {' → '.join(map(str, stages))}"
    return f"{len(stages)} stages: {stages[0]} → {stages[1]} → … → {stages[-1]}"


def effort_line(effort: Effort) -> str:
    """Stages, calls of the network, and time."""
    parts = [stages_line(effort.stages), f"{effort.evaluations:,} evaluations"]
    if effort.seconds is None:
        parts.append("How long it takes is known once this model has painted here")
    else:
        parts.append(f"About {duration(effort.seconds)}")
    return f'<p class="cost">{". ".join(map(escape, parts))}.</p>'


def base_line(effort: Effort) -> str:
    """When there is something to choose by; nothing where that is not known, or is all."""
    if effort.base_seconds is None or len(effort.stages) == 1:
        return ""
    return f'<p class="cost">The base picture is there in {duration(effort.base_seconds)}.</p>'


def memory_line(estimate: Estimate) -> str:
    """Bytes; in red where there are too few."""
    if estimate.short is not None:
        return refusal(f"This will not fit: it {estimate.short}.")
    device, host = estimate.device_bytes, estimate.host_bytes
    return (
        f'<p class="cost">{counted(device)} on the device, {counted(host)} in memory,'
        f" {counted(estimate.disk_bytes)} of disk.</p>"
    )


def _capital(sentence: str) -> str:
    """A sentence as it begins, unless that is the name of a setting or a file."""
    name = set("_./") & set(sentence.split(" ", 1)[0])
    return sentence if name else sentence[:1].upper() + sentence[1:]
