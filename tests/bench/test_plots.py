"""Plots show the numbers that tables say."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from muralist.bench import plots
from muralist.bench.catalogue import MEASURES
from muralist.bench.results import Results
from muralist.errors import BadRequest
from tests.bench.made_up import results

SOME = results(prompts=2, seeds=2, sizes=("256x256", "512x512"))


def plotted(name: str, found: Results = SOME):
    """The figure of a plot."""
    (plot,) = [plot for plot in plots.PLOTS if plot.name == name]
    return plot.figure(found)


def panels(name: str, found: Results = SOME) -> dict:
    figure = plotted(name, found)
    return {panel.get_title(): panel for panel in figure.axes if panel.get_title()}


def average(entrant: str, size: str, measure: str) -> float:
    rows = SOME.of(entrant, size)
    return sum(row.measures[measure] for row in rows) / len(rows)


def points(panel) -> list[tuple[float, float]]:
    """Markers of a panel, in data."""
    lines = [line for line in panel.lines if line.get_marker() not in ("None", None, "")]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in lines]


def words(panel) -> str:
    return " ".join(text.get_text() for text in panel.texts)


def without(*parts: str) -> Results:
    """The results, but for what was measured of some parts."""
    rows = [
        replace(
            row,
            measures={
                name: value
                for name, value in row.measures.items()
                if name.split(".")[0] not in parts
            },
            curves={} if "truth" in parts else row.curves,
        )
        for row in SOME.rows
    ]
    return replace(SOME, rows=tuple(rows), groups=() if "truth" in parts else SOME.groups)


def test_every_method_is_a_point_at_its_mean_excess():
    for size, panel in panels("excess").items():
        shown = [x for x, _ in points(panel)]
        for name in ("multidiffusion", "demofusion", "accdiffusion", "pixelsmith"):
            assert pytest.approx(average(name, size, "repetition.excess")) in shown


def test_a_control_beyond_the_panel_is_said_in_a_number():
    """Copies would press all methods together."""
    for size, panel in panels("excess").items():
        mean = average("copied", size, "repetition.excess")
        assert mean > panel.get_xlim()[1]
        assert f"{mean:.2f} →" in words(panel)


def test_where_nothing_could_be_counted_duplicates_are_shown():
    rows = [
        replace(row, measures={"repetition.duplicates": float(row.seed)}, curves={})
        for row in SOME.rows
    ]
    for panel in panels("excess", replace(SOME, rows=tuple(rows), groups=())).values():
        assert panel.get_xlabel() == "duplicates"


def test_numbers_are_written_as_their_own_measure_is(monkeypatch):
    tenths = replace(MEASURES["repetition.excess"], form="{:.1f}")
    monkeypatch.setattr(plots, "_EXCESSES", (tenths,))
    for size, panel in panels("excess").items():
        mean = average("pixelsmith", size, "repetition.excess")
        assert f"{mean:.1f}" in words(panel).split()


def test_the_true_picture_is_where_the_lines_of_the_corner_cross():
    for size, panel in panels("corner").items():
        assert (1.0, 0.0) in points(panel)
        expected = [
            average("pixelsmith", size, f"{name}") for name in ("truth.detail", "repetition.excess")
        ]
        assert any(np.allclose(point, expected) for point in points(panel))


def test_texture_is_drawn_over_the_true_one():
    size = "512x512"
    true, mine = (
        np.mean([row.curves["truth.spectrum"] for row in SOME.of(name, size)], axis=0)
        for name in ("truth", "enlarged")
    )
    drawn = [line.get_ydata() for line in panels("spectrum")[size].lines]
    assert any(len(line) == len(true) and np.allclose(line, mine - true) for line in drawn)


def test_a_picture_whose_texture_was_not_found_counts_for_nothing():
    first, *others = SOME.rows
    lost = replace(first, curves={"truth.spectrum": [float("nan")] * 4})
    drawn = panels("spectrum", replace(SOME, rows=(lost, *others)))[first.size]
    assert all(np.isfinite(line.get_ydata()).all() for line in drawn.lines)


def test_bars_of_cost_end_where_the_seconds_do():
    figure = plotted("cost")
    below = [panel for panel in figure.axes if panel.get_xlabel() == "seconds"]
    ends = [max(bar.get_x() + bar.get_width() for bar in panel.patches) for panel in below]
    expected = [
        max(
            sum(average(name, size, f"cost.{part}_s") for part in ("base", "upscale", "decode"))
            for name in ("multidiffusion", "demofusion", "accdiffusion", "pixelsmith")
        )
        for size in SOME.sizes
    ]
    assert np.allclose(ends, expected)


def test_an_entrant_looks_the_same_in_every_plot():
    looks = {
        name: {
            text.get_text(): (line.get_color(), line.get_marker())
            for legend in plotted(name).legends
            for line, text in zip(legend.get_lines(), legend.get_texts(), strict=True)
        }
        for name in ("corner", "distances", "spectrum")
    }
    assert set(looks["corner"]) == {
        name for name, kind in SOME.entrants.items() if kind != "ablation"
    }
    assert len(set(looks["corner"].values())) == len(looks["corner"])
    for known in looks.values():
        assert known.items() <= looks["corner"].items()


def test_twenty_methods_all_look_different():
    names = [f"pixelsmith:slider={number}" for number in range(20)]
    rows = tuple(
        replace(row, entrant=name) for name in names for row in SOME.of("pixelsmith", "256x256")
    )
    many = replace(SOME, entrants=dict.fromkeys(names, "method"), rows=rows, sizes=("256x256",))
    (legend,) = plotted("corner", many).legends
    looks = {(line.get_color(), line.get_marker()) for line in legend.get_lines()}
    assert len(looks) == 20


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        (("truth",), {"excess", "cost"}),
        (("repetition", "seams"), {"spectrum", "distances", "cost"}),
        (("truth", "cost", "seams"), {"excess"}),
    ],
)
def test_nothing_is_drawn_of_what_was_not_measured(missing, left):
    drawn = {plot.name for plot in plots.PLOTS if plot.figure(without(*missing)) is not None}
    assert drawn == left


def test_a_file_is_written_for_each_plot_and_the_users_settings_stay(tmp_path):
    import matplotlib
    from PIL import Image

    before = dict(matplotlib.rcParams)
    files = plots.draw(without("truth", "repetition", "seams"), tmp_path)
    assert files == {"cost": tmp_path / "cost.png"} and set(tmp_path.iterdir()) == set(
        files.values()
    )
    with Image.open(files["cost"]) as image:
        assert image.width > image.height > 100
    assert dict(matplotlib.rcParams) == before


def test_without_matplotlib_there_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BadRequest, match=r'pip install "muralist\[bench\]"'):
        plots.check_plots()
