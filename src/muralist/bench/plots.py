"""The plots of a report: who repeats, who is only blurred, and what it costs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from muralist.bench.catalogue import MEASURES, Measure
from muralist.bench.results import Kind, Results
from muralist.bench.statistics import Mean
from muralist.bench.tables import interval, summary
from muralist.errors import BadRequest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PLOTS", "Plot", "check_plots", "draw"]

_INK, _SOFT, _FAINT, _PAPER = "#1d1f21", "#6b7178", "#dfe2e5", "#fdfdfc"

# Okabe and Ito, 2008: told apart with any eyes, and by their marks without colours. Seven of one
# and eight of the other: 56 methods look different.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
_MARKERS, _HOLLOW = "osD^vPX<", "*ph"
_SECONDS = {"base": "#56b4e9", "upscale": "#0072b2", "decode": "#e69f00"}
_EXCESS = MEASURES["repetition.excess"]
_EXCESSES = (_EXCESS, MEASURES["repetition.detected"], MEASURES["repetition.duplicates"])
_SPECTRUM = "truth.spectrum"
_BESIDE: Mapping[str, Any] = {"xytext": (7, 0), "textcoords": "offset points", "va": "center"}

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _SOFT,
    "axes.labelcolor": _INK,
    "axes.axisbelow": True,
    "axes.facecolor": _PAPER,
    "figure.facecolor": _PAPER,
    "savefig.facecolor": _PAPER,
    "text.color": _INK,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "grid.color": _FAINT,
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Plot:
    """A picture of some measures."""

    name: str  # of its file, without an ending
    alt: str  # what kind of picture it is; its numbers are in the tables
    caption: str
    figure: Callable[[Results], "Figure | None"]  # None where nothing was measured for it


def check_plots() -> None:
    """Raises `BadRequest` where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise BadRequest('plots need matplotlib; install it with: pip install "muralist[bench]"')


def draw(results: Results, folder: Path) -> dict[str, Path]:
    """Writes every plot that there are measures for into a folder; files by the plots' names.

    Raises `BadRequest` where matplotlib is missing.
    """
    check_plots()
    from matplotlib import rc_context

    files = {plot.name: folder / f"{plot.name}.png" for plot in PLOTS}
    with rc_context(_STYLE):
        figures = {plot.name: plot.figure(results) for plot in PLOTS}
        drawn = {name: figure for name, figure in figures.items() if figure is not None}
        for name, figure in drawn.items():
            figure.savefig(files[name], dpi=160)
    return {name: files[name] for name in drawn}


def _excess(results: Results) -> "Figure | None":
    """Excess objects: a line for every entrant, a panel for every size."""
    known = [one for one in _EXCESSES if _sizes(results, one.name)]
    if not known:
        return None
    measure, looks = known[0], _looks(results)
    sizes = _sizes(results, measure.name)
    figure, panels = _panels(1, len(sizes), 1.1 + 0.27 * len(looks), sharey=True)
    for panel, size in zip(panels[0], sizes, strict=True):
        found = _found(results, looks, size, measure.name)
        low, high = _range([one for name, one in found.items() if looks[name].kind == "method"])
        panel.set(title=size, xlim=(low, high + 0.3 * (high - low)), xlabel=measure.heading)
        panel.axvline(0, color=_SOFT, linewidth=1)
        panel.spines["left"].set_visible(False)
        for at, name in enumerate(looks):
            if name in found:
                _line(panel, at, measure, found[name], looks[name], high)
        panel.grid(axis="x")
        panel.tick_params(axis="y", length=0)
    _named(panels[0, 0], list(looks))
    return figure


def _line(panel: "Axes", at: int, measure: Measure, one: Mean, look: "_Look", high: float) -> None:
    """A mean with its interval and its number; one beyond the panel as a number and an arrow."""
    text, (low, top) = measure.written(one.mean), interval(one)
    if one.mean > high:
        where = {"xycoords": panel.get_yaxis_transform(), "va": "center", "ha": "right"}
        panel.annotate(f"{text} →", (1, at), color=look.colour, **where)
        return
    panel.plot((low, top), (at, at), color=look.colour, solid_capstyle="butt")
    panel.plot(one.mean, at, color=look.colour, **look.marks)
    panel.annotate(text, (top, at), color=look.colour, **_BESIDE)


def _corner(results: Results) -> "Figure | None":
    """Excess objects against detail: the true picture is where the lines cross."""
    sizes, looks = _sizes(results, "repetition.excess", "truth.detail"), _looks(results)
    if not sizes:
        return None
    figure, panels = _panels(1, len(sizes), 3.4, sharex=True)
    for panel, size in zip(panels[0], sizes, strict=True):
        found = _found(results, looks, size, "repetition.excess")
        details = _found(results, looks, size, "truth.detail")
        low, high = _range([one for name, one in found.items() if looks[name].kind == "method"])
        panel.set(title=size, ylim=(low, high), xlabel="detail: blur < 1 < grain, seams")
        panel.locator_params(axis="y", nbins=5)
        panel.margins(x=0.12)
        panel.axhline(0, color=_SOFT, linewidth=1)
        panel.axvline(1, color=_SOFT, linewidth=1)
        for name in (name for name in looks if name in found and name in details):
            _point(panel, details[name], found[name], looks[name])
    panels[0, 0].set_ylabel("excess objects")
    _legend(figure, looks)
    return figure


def _point(panel: "Axes", x: Mean, y: Mean, look: "_Look") -> None:
    """Two means with their intervals; one above the panel as a number and an arrow."""
    high = panel.get_ylim()[1]
    if y.mean > high:
        where = panel.get_xaxis_transform()
        panel.plot(x.mean, 0.95, color=look.colour, transform=where, **look.marks)
        beside: dict[str, Any] = {**_BESIDE, "xytext": (-7, 0), "ha": "right"}
        text = f"{_EXCESS.written(y.mean)} ↑"
        panel.annotate(text, (x.mean, 0.95), xycoords=where, color=look.colour, **beside)
        return
    panel.plot(interval(x), (y.mean, y.mean), color=look.colour, linewidth=1)
    panel.plot((x.mean, x.mean), interval(y), color=look.colour, linewidth=1)
    panel.plot(x.mean, y.mean, color=look.colour, **look.marks)


def _spectrum(results: Results) -> "Figure | None":
    """Texture, band by band, over the true one."""
    looks = _looks(results)
    sizes = [size for size in results.sizes if _curve(results, "truth", size) is not None]
    if not sizes:
        return None
    figure, panels = _panels(1, len(sizes), 3.2, sharey=True)
    for panel, size in zip(panels[0], sizes, strict=True):
        true = _curve(results, "truth", size)
        panel.set(title=size, xlabel="octave, coarse to fine")
        panel.axhline(0, color=_INK, linewidth=1)
        for name, look in looks.items():
            curve = _curve(results, name, size)
            if name != "truth" and curve is not None:
                octaves = np.arange(1, len(curve) + 1)
                panel.set_xticks(octaves)
                panel.plot(octaves, curve - true, color=look.colour, **look.line)
        panel.grid(axis="y")
    panels[0, 0].set_ylabel("dB over the true texture")
    _legend(figure, {name: look for name, look in looks.items() if name != "truth"})
    return figure


def _distances(results: Results) -> "Figure | None":
    """Patches against whole pictures: a blurred enlargement is near in one and far in the other."""
    sizes, looks = _sizes(results, "truth.frechet", "truth.frechet_patches"), _looks(results)
    if not sizes:
        return None
    figure, panels = _panels(1, len(sizes), 3.3)
    for panel, size in zip(panels[0], sizes, strict=True):
        whole = _found(results, looks, size, "truth.frechet")
        patches = _found(results, looks, size, "truth.frechet_patches")
        for name in (name for name in looks if name in whole and name in patches):
            where, look = (whole[name].mean, patches[name].mean), looks[name]
            panel.plot(*where, color=look.colour, **look.marks)
        panel.set(title=size, xlabel="whole, reduced")
        panel.axhline(0, color=_SOFT, linewidth=1)
        panel.axvline(0, color=_SOFT, linewidth=1)
        panel.grid()
    panels[0, 0].set_ylabel("patches, full size")
    _legend(figure, looks)
    return figure


def _cost(results: Results) -> "Figure | None":
    """Calls of the network, and where the seconds go."""
    sizes = _sizes(results, "cost.evaluations")
    if not sizes:
        return None
    names = [name for name, kind in results.entrants.items() if kind == "method"]
    figure, panels = _panels(2, len(sizes), 1.2 + 0.5 * len(names), sharey=True)
    for (above, below), size in zip(panels.T, sizes, strict=True):
        _bars(above, [_mean(results, name, size, "cost.evaluations") for name in names])
        above.set(title=size, xlabel="evaluations")
        above.xaxis.set_major_formatter("{x:,.0f}")
        above.locator_params(axis="x", nbins=4)
        _stacked(below, results, names, size)
        below.set_xlabel("seconds")
    _named(panels[0, 0], names)
    handles, labels = panels[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _bars(panel: "Axes", lengths: Sequence[float]) -> None:
    bars = panel.barh(range(len(lengths)), lengths, height=0.62, color=_SOFT)
    panel.bar_label(bars, [f"{length:,.0f}" for length in lengths], padding=4)
    panel.set_xlim(0, 1.3 * max([*lengths, 1e-9]))
    panel.tick_params(axis="y", length=0)


def _stacked(panel: "Axes", results: Results, names: Sequence[str], size: str) -> None:
    """Seconds by part, the sum beside them."""
    ends = np.zeros(len(names))
    for part, colour in _SECONDS.items():
        seconds = np.array([_mean(results, one, size, f"cost.{part}_s") for one in names])
        panel.barh(range(len(names)), seconds, 0.62, ends, color=colour, label=part)
        ends += seconds
    for at in np.flatnonzero(ends):  # of runs that were taken up, no seconds are known
        panel.annotate(f"{ends[at]:,.1f}", (ends[at], at), **_BESIDE)
    panel.set_xlim(0, 1.3 * max(ends.max(), 1e-9))
    panel.tick_params(axis="y", length=0)


PLOTS = (
    Plot(
        "excess",
        "A point with an interval for each entrant, a panel for each size.",
        "Excess, with 95 % intervals. Numbers beside arrows lie beyond the panel.",
        _excess,
    ),
    Plot(
        "corner",
        "Points in a plane of detail and excess, a panel for each size.",
        "Excess objects against detail. A true picture is where the lines cross: to the left of"
        " it is blur, to the right grain and seams, above it repetition.",
        _corner,
    ),
    Plot(
        "spectrum",
        "A line for each entrant over bands of frequency, a panel for each size.",
        "Texture of objects, octave by octave, over the true one: what is below 0 is missing, what"
        " is above is grain.",
        _spectrum,
    ),
    Plot(
        "distances",
        "Points in a plane of distances of whole pictures and of patches, a panel for each size.",
        "Frechet distances from true pictures: whole ones reduced to native size, and patches at"
        " full size. What is near in whole and far in patches is blurred.",
        _distances,
    ),
    Plot(
        "cost",
        "Bars for each method: evaluations above, seconds by part beneath, a column for each size.",
        "Evaluations of the network, and seconds by part.",
        _cost,
    ),
)


@dataclass(frozen=True)
class _Look:
    """How an entrant is drawn, the same in every plot."""

    kind: Kind
    colour: str
    marker: str

    @property
    def marks(self) -> dict[str, Any]:
        """Of a point: controls are hollow."""
        hollow = self.kind == "control"
        face = _PAPER if hollow else self.colour
        size = 9 if self.marker == "*" else 6
        return {"marker": self.marker, "markersize": size, "mfc": face, "linestyle": "none"}

    @property
    def line(self) -> dict[str, Any]:
        """Of a line: controls are behind, and dashed."""
        behind = self.kind == "control"
        style = (0, (4, 2)) if behind else "-"
        return {**self.marks, "markersize": 4, "linestyle": style, "zorder": 2 - behind}


def _looks(results: Results) -> dict[str, _Look]:
    """Methods, then controls; variants have a table of their own."""
    methods, controls = (
        [name for name, one in results.entrants.items() if one == kind]
        for kind in ("method", "control")
    )
    painted = zip(methods, cycle(_COLOURS), cycle(_MARKERS), strict=False)
    others = zip(controls, cycle(_HOLLOW), strict=False)
    return {name: _Look("method", colour, marker) for name, colour, marker in painted} | {
        name: _Look("control", _SOFT, marker) for name, marker in others
    }


def _panels(
    rows: int, columns: int, height: float, *, sharex: bool = False, sharey: bool = False
) -> tuple["Figure", Any]:
    """A figure of panels, `rows columns`; `height` in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 + 2.1 * columns, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)


def _named(panel: "Axes", names: Sequence[str]) -> None:
    """A line for each name, the first on top."""
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.4, -0.6)


def _legend(figure: "Figure", looks: Mapping[str, _Look]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=look.colour, label=name, **look.marks) for name, look in looks.items()
    ]
    inches = sum(0.6 + 0.075 * len(name) for name in looks)
    columns = max(int(min(figure.get_figwidth() / inches, 1) * len(looks)), 1)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def _sizes(results: Results, *measures: str) -> list[str]:
    """The sizes at which anybody has a number of each."""
    return [
        size
        for size in results.sizes
        if all(
            any(summary(results, name, size, one) for name in results.entrants) for one in measures
        )
    ]


def _found(results: Results, names: Iterable[str], size: str, measure: str) -> dict[str, Mean]:
    """The means of those that have any."""
    means = {name: summary(results, name, size, measure) for name in names}
    return {name: one for name, one in means.items() if one is not None}


def _range(means: Sequence[Mean]) -> tuple[float, float]:
    """What holds all intervals and 0, with some room."""
    ends = [end for one in means for end in interval(one)]
    low, high = min([0.0, *ends]), max([0.5, *ends])
    return low - 0.08 * (high - low), high + 0.08 * (high - low)


def _curve(results: Results, entrant: str, size: str) -> np.ndarray | None:
    """The mean of the spectra of an entrant's pictures."""
    curves = [np.asarray(row.curves.get(_SPECTRUM, [])) for row in results.of(entrant, size)]
    known = [curve for curve in curves if curve.size and np.isfinite(curve).all()]
    return np.mean(known, axis=0) if known else None


def _mean(results: Results, entrant: str, size: str, measure: str) -> float:
    one = summary(results, entrant, size, measure)
    return 0.0 if one is None else one.mean
