"""Every measure of the benchmark: its name, what it means, what would be perfect."""

from collections.abc import Iterable
from dataclasses import dataclass

from muralist.bench.results import Results

__all__ = ["MEASURES", "Measure", "measured", "unknown"]


@dataclass(frozen=True)
class Measure:
    """One number about a picture, about all pictures of an entrant, or about a field."""

    name: str  # by part and name, as in results
    heading: str
    meaning: str  # one sentence, with the unit
    perfect: float | None  # the nearer to it, the better; None where it says nothing alone
    form: str = "{:z.2f}"  # z: a rounded nothing has no minus
    unit: float = 1  # what a written 1 stands for: 2**20 where bytes are written in MiB
    interval: bool = False  # whether a table says how far its mean can be trusted

    def written(self, value: float) -> str:
        """A value as tables write it."""
        return self.form.format(value / self.unit)

    @property
    def aim(self) -> str:
        """What would be perfect, in words."""
        return "" if self.perfect is None else f"Perfect: {self.written(self.perfect)}."


_WHOLE, _TENTHS = "{:,.0f}", "{:z.1f}"
_THOUSANDTHS = "{:z.3f}"

_REPETITION = (
    Measure("repetition.found", "found", "Objects found in the large picture.", None),
    Measure("repetition.base", "in base", "Objects found in the base picture.", None),
    Measure(
        "repetition.excess",
        "excess",
        "Objects of the large picture that its own base picture does not have; fragments are not"
        " among them.",
        0,
        interval=True,
    ),
    Measure(
        "repetition.index",
        "index",
        "Excess as a share of that of copies in every native window: 0 for the enlarged base"
        " picture, 1 for the copied one.",
        0,
    ),
    Measure(
        "repetition.right",
        "exactly right %",
        "Of pictures whose base shows objects: nothing in excess or missing, no wrong colour, no"
        " wrong shape.",
        1,
        _WHOLE,
        unit=0.01,
    ),
    Measure("repetition.missing", "missing", "Objects of the base picture that are not there.", 0),
    Measure(
        "repetition.wrong_colours",
        "wrong colours",
        "Objects of both pictures whose colour is not what the prompt says.",
        0,
    ),
    Measure(
        "repetition.wrong_shapes",
        "wrong shapes",
        "Objects of both pictures whose shape is not what the prompt says.",
        0,
    ),
    Measure(
        "repetition.fragments",
        "fragments",
        "Pieces of broken objects, beyond the base picture's.",
        0,
    ),
    Measure(
        "repetition.drift",
        "drift %",
        "How far objects of both pictures are apart, in hundredths of the longer side.",
        0,
        _TENTHS,
        unit=0.01,
    ),
    Measure(
        "repetition.duplicates",
        "duplicates",
        "Excess without a detector: areas that look, by features, like what the base picture shows,"
        " less those of the base picture.",
        0,
        interval=True,
    ),
    Measure(
        "repetition.sharpness",
        "sharpness",
        "Where no truth is known: detail beyond the base picture's size, over that of the base"
        " picture side by side; an enlargement has little.",
        1,
    ),
    Measure(
        "repetition.detected",
        "detected",
        "Excess by an open-vocabulary detector.",
        0,
        interval=True,
    ),
)

_SEAMS = (
    Measure(
        "seams.views",
        "view borders",
        "Squared change across borders of the last step's views, over that across lines beside"
        " them.",
        1,
    ),
    Measure(
        "seams.decode",
        "tile borders",
        "Squared change across borders of decoded tiles, over that across lines beside them.",
        1,
    ),
)

_TRUTH = (
    Measure(
        "truth.detail",
        "detail",
        "What a native picture could not hold, over that of the true rendering: less is blur, more"
        " is grain and seams.",
        1,
    ),
    Measure(
        "truth.texture",
        "texture gap dB",
        "How far the texture of objects is from the true one, in dB, the mean of octaves; another"
        " true picture is about 1 dB away.",
        0,
        _TENTHS,
    ),
    Measure(
        "truth.adherence",
        "adherence %",
        "Pictures in which a checker finds what the prompt says.",
        1,
        _WHOLE,
        unit=0.01,
    ),
    Measure(
        "truth.frechet",
        "Frechet, whole",
        "Frechet distance between features of painted and of true pictures, reduced to native"
        " size: blind to detail, never to be read alone.",
        0,
    ),
    Measure(
        "truth.frechet_patches",
        "Frechet, patches",
        "The same between native patches of both at full size, where detail counts.",
        0,
    ),
    Measure(
        "truth.kernel",
        "kernel, whole",
        "Kernel distance (unbiased, cubic) of the same features of reduced pictures, in"
        " thousandths: blind to detail, never to be read alone. Sets of the same captions are"
        " nearer than independent ones: read it against the truth's.",
        None,
        unit=1e-3,
    ),
    Measure(
        "truth.kernel_patches",
        "kernel, patches",
        "The same between patches of both at full size, in thousandths.",
        None,
        unit=1e-3,
    ),
)

_FIELD = (
    Measure(
        "field.inside",
        "within views",
        "Correlation of neighbouring cells of a painted random field that one view covers.",
        None,
        _THOUSANDTHS,
    ),
    Measure(
        "field.across",
        "across borders",
        "Correlation of neighbouring cells that a border of the last step's views parts: seamless"
        " where it is the exact one.",
        None,
        _THOUSANDTHS,
    ),
    Measure(
        "field.exact",
        "exact",
        "Correlation of neighbouring cells in the field itself.",
        None,
        _THOUSANDTHS,
    ),
)

_COST = (
    Measure(
        "cost.evaluations",
        "evaluations",
        "Native views the network was asked about, with and without prompt counted once.",
        0,
        _WHOLE,
    ),
    Measure("cost.base_s", "base s", "Seconds for the base picture.", None, _TENTHS),
    Measure("cost.upscale_s", "upscale s", "Seconds for all stages beyond it.", None, _TENTHS),
    Measure("cost.decode_s", "decode s", "Seconds from latents to pixels.", None, _TENTHS),
    Measure("cost.seconds", "seconds", "Seconds for the picture, all parts together.", 0, _TENTHS),
    Measure("cost.cpu_seconds", "CPU s", "Processor seconds of all threads.", 0, _TENTHS),
    Measure(
        "cost.peak_bytes",
        "peak MiB",
        "Most memory beyond that at the start: resident on a CPU, allocated on a GPU.",
        0,
        _WHOLE,
        unit=2**20,
    ),
    Measure(
        "cost.joules",
        "energy J",
        "Energy of the whole machine or board: processes that paint at once are each charged"
        " with all of it.",
        0,
        _WHOLE,
    ),
)

MEASURES: dict[str, Measure] = {
    one.name: one for one in (*_REPETITION, *_TRUTH, *_SEAMS, *_FIELD, *_COST)
}


def measured(results: Results) -> set[str]:
    """The names of all measures that results have a number for."""
    rows = (row.measures for row in results.rows)
    groups = (group.measures for group in results.groups)
    return _names([*rows, *groups, *results.fields.values()])


def unknown(results: Results) -> set[str]:
    """The names of measures that no table or glossary would show."""
    return measured(results) - set(MEASURES)


def _names(measures: Iterable[Iterable[str]]) -> set[str]:
    return {name for one in measures for name in one}
