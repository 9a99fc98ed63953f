"""Tables say what was measured, and only that."""

import math
from dataclasses import fields, replace

import pytest

from muralist.bench import tables
from muralist.bench.catalogue import MEASURES, unknown
from muralist.bench.meter import Taken
from muralist.bench.page import Cell, Table
from muralist.bench.results import Group, Results, Row
from tests.bench.made_up import results

SOME = results(prompts=3, seeds=2, sizes=("256x256", "512x512"))


def measured(**measures: dict[str, list[float]]) -> Results:
    """Results of entrants with some measures, a prompt for each value; controls begin with `_`."""
    rows = [
        Row(
            entrant=entrant,
            size="256x256",
            prompt=f"prompt {at}",
            seed=at,
            measures={name: values[at] for name, values in given.items()},
            curves={},
        )
        for entrant, given in measures.items()
        for at in range(len(next(iter(given.values()))))
    ]
    kinds = {name: "control" if name.startswith("_") else "method" for name in measures}
    return Results(
        facts={},
        entrants=kinds,  # type: ignore[arg-type]
        sizes=("256x256",),
        rows=tuple(rows),
        fields={},
    )


def headings(table: Table | None) -> list[str]:
    assert table is not None
    return [column.heading for column in table.columns]


def lines(table: Table | None) -> dict[str, list[Cell]]:
    """Cells by the name at the left; of a table in which it is there once."""
    assert table is not None
    found = {}
    for body in table.bodies:
        for first, *others in body.lines:
            assert isinstance(first, Cell) and first.text not in found
            found[first.text] = others
    return found


def won(found: Results) -> set[str]:
    """Who is marked in the column of excess."""
    table = tables.repetition(found, "256x256")
    at = headings(table).index("excess (95 %)") - 1
    return {name for name, cells in lines(table).items() if cells[at].best}


EVERY = {
    "repetition": lambda given: tables.repetition(given, "512x512"),
    "conditioning": tables.conditioning,
    "seams": tables.seams,
    "truth": tables.truth,
    "cost": tables.cost,
    "fields": tables.fields,
}


@pytest.mark.parametrize("name", EVERY)
def test_no_column_of_a_table_is_empty(name):
    table = EVERY[name](SOME)
    for at in range(len(table.columns)):
        assert any(line[at].text for body in table.bodies for line in body.lines)


@pytest.mark.parametrize("name", EVERY)
def test_there_is_no_table_of_what_was_not_measured(name):
    bare = tuple(replace(row, measures={}) for row in SOME.rows)
    assert EVERY[name](replace(SOME, rows=bare, groups=(), fields={})) is None


def test_a_measure_that_nobody_has_leaves_its_column_out():
    rows = [
        replace(
            row,
            measures={name: value for name, value in row.measures.items() if "truth" not in name},
        )
        for row in SOME.rows
    ]
    with_truth = headings(tables.repetition(SOME, "512x512"))
    without = headings(tables.repetition(replace(SOME, rows=tuple(rows)), "512x512"))
    assert with_truth == [*without[:4], "detail", *without[4:]]


def test_detail_stands_beside_every_count():
    for table in (tables.repetition(SOME, "512x512"), tables.conditioning(SOME)):
        at = headings(table).index("excess (95 %)")
        assert headings(table)[at + 1] == "detail"


def test_a_distance_of_whole_pictures_never_stands_without_that_of_patches():
    """Reduced pictures alone hide that an enlargement is blurred."""
    groups = [
        Group(
            entrant=group.entrant,
            size=group.size,
            measures={
                name: value
                for name, value in group.measures.items()
                if name != "truth.kernel_patches"
            },
        )
        for group in SOME.groups
    ]
    said = headings(tables.truth(replace(SOME, groups=tuple(groups))))
    assert said[1:3] == ["Frechet, whole", "Frechet, patches"]
    assert not [heading for heading in said if heading.startswith("kernel")]


def test_a_cell_holds_the_mean_of_its_pictures():
    rows = SOME.of("demofusion", "512x512")
    mean = sum(row.measures["cost.evaluations"] for row in rows) / len(rows)
    table = tables.cost(SOME)
    (body,) = [body for body in table.bodies if body.label == "512x512, methods"]
    (line,) = [line for line in body.lines if line[0].text == "demofusion"]
    assert line[headings(table).index("evaluations")].text == f"{mean:,.0f}"


def test_an_excess_is_shown_with_its_interval():
    found = measured(one={"repetition.excess": [0.0, 4.0, 2.0, 0.0, 4.0, 2.0]})
    ((text,),) = [
        [cell.text for cell in line] for line in lines(tables.repetition(found, "256x256")).values()
    ]
    mean, low, high = (float(word.strip("()")) for word in text.replace("to", "").split())
    assert mean == 2 and 0 < low < 2 < high < 4


def test_pictures_that_are_all_alike_show_no_interval():
    """A bootstrap of equal values has no width, which is not certainty."""
    found = measured(one={"repetition.excess": [0.0] * 6})
    assert [
        [cell.text for cell in line] for line in lines(tables.repetition(found, "256x256")).values()
    ] == [["0.00"]]


@pytest.mark.parametrize("exact", [True, False])
def test_the_shortest_table_has_the_surest_count_there_is(exact):
    """Of pictures whose objects nobody knows, what a detector and features find."""
    others = {"repetition.detected": [1.0, 2.0], "repetition.duplicates": [1.0, 3.0]}
    detail = {"repetition.sharpness": [0.9, 0.8]}
    known = {"repetition.excess": [0.0, 1.0]} if exact else {}
    found = measured(one={**others, **detail, **known}, other={**others, **detail, **known})
    expected = ["excess (95 %)"] if exact else ["detected (95 %)", "duplicates (95 %)"]
    assert headings(tables.counted(found, "256x256")) == ["", *expected, "sharpness"]


def test_what_is_not_a_number_is_not_counted():
    found = measured(
        one={"repetition.drift": [0.1, math.nan, 0.3]}, other={"repetition.drift": [math.nan] * 3}
    )
    assert {
        name: [cell.text for cell in line]
        for name, line in lines(tables.repetition(found, "256x256")).items()
    } == {"one": ["20.0"]}


def test_the_nearest_to_perfect_wins_and_whoever_cannot_be_told_from_it():
    found = measured(
        worst={"repetition.excess": [9.0, 8.0, 9.0, 8.0]},
        near={"repetition.excess": [0.0, 2.0, 0.0, 2.0]},
        best={"repetition.excess": [0.0, 1.0, 0.0, 1.0]},
    )
    assert won(found) == {"near", "best"}


def test_nobody_wins_where_nobody_can_be_told_apart():
    values = [0.0, 3.0, 1.0, 2.0]
    assert not won(measured(one={"repetition.excess": values}, two={"repetition.excess": values}))
    assert not won(measured(alone={"repetition.excess": values}))


def test_controls_win_nothing_and_stand_apart():
    found = measured(
        one={"repetition.excess": [3.0, 4.0]},
        two={"repetition.excess": [8.0, 9.0]},
        _enlarged={"repetition.excess": [0.0, 0.0]},
    )
    assert won(found) == {"one"}
    quiet = {
        line[0].text: body.quiet
        for body in tables.repetition(found, "256x256").bodies
        for line in body.lines
    }
    assert quiet == {"one": False, "two": False, "_enlarged": True}


def test_more_than_perfect_is_no_better_than_less():
    """Detail above that of the truth is grain."""
    found = measured(
        grainy={"truth.detail": [1.6, 1.6]},
        true={"truth.detail": [0.9, 0.9]},
        blurred={"truth.detail": [0.3, 0.3]},
    )
    marked = {
        name: line[0].best for name, line in lines(tables.repetition(found, "256x256")).items()
    }
    assert marked == {"grainy": False, "true": True, "blurred": False}


def test_a_variant_stands_below_the_method_it_varies_at_the_sizes_it_was_painted_at():
    rows = [
        row
        for row in SOME.rows
        if row.size == "512x512" or SOME.entrants[row.entrant] != "ablation"
    ]
    table = tables.conditioning(replace(SOME, rows=tuple(rows)))
    (body,) = table.bodies
    assert body.label == "512x512"
    names = [line[0].text for line in body.lines]
    methods = ["multidiffusion", "demofusion"]
    assert names == [one for name in methods for one in (name, f"{name}, no crops")]


def test_whoever_painted_nothing_at_a_size_has_no_line_there():
    rows = [row for row in SOME.rows if (row.entrant, row.size) != ("pixelsmith", "512x512")]
    names = {
        size: lines(tables.repetition(replace(SOME, rows=tuple(rows)), size)) for size in SOME.sizes
    }
    assert "pixelsmith" in names["256x256"] and "pixelsmith" not in names["512x512"]


def test_whatever_is_counted_of_a_repetition_is_known():
    counts = pytest.importorskip("muralist.bench.repetition").Repetition
    assert {f"repetition.{field.name}" for field in fields(counts)} <= set(MEASURES)


def test_whatever_a_meter_takes_down_is_known():
    assert {f"cost.{field.name}" for field in fields(Taken)} <= set(MEASURES)


def test_every_measure_is_said_in_a_sentence_and_headed_once():
    for name, measure in MEASURES.items():
        assert name == measure.name and measure.meaning.endswith("."), name
    said = [measure.heading for measure in MEASURES.values()]
    assert len(said) == len(set(said))


def test_every_measure_has_a_column_somewhere():
    """Else a glossary would explain what is nowhere to be seen."""
    every = dict.fromkeys(MEASURES, 1.0)
    rows = tuple(replace(row, measures=every) for row in SOME.rows)
    given = replace(SOME, rows=rows, groups=(), fields={"demofusion": every})
    seen = {heading for table in EVERY.values() for heading in headings(table(given))}
    assert {measure.heading for measure in MEASURES.values()} <= {
        heading.removesuffix(" (95 %)") for heading in seen
    }


def test_a_measure_that_no_table_would_show_is_told():
    assert unknown(SOME) == set()
    row = replace(SOME.rows[0], measures={"truth.beauty": 1.0})
    assert unknown(replace(SOME, rows=(row,))) == {"truth.beauty"}


def test_a_rounded_nothing_has_no_minus():
    assert MEASURES["truth.kernel"].written(-1e-9) == MEASURES["truth.kernel"].written(0.0)


def test_nobody_wins_by_numbers_of_which_no_interval_is_known():
    """Of one prompt, however many seeds: whatever is nearest may be so by chance."""
    row = {"size": "256x256", "prompt": "a sea", "curves": {}}
    rows = tuple(
        Row(entrant=name, seed=seed, measures={"repetition.excess": excess}, **row)
        for name, excess in {"one": 1.0, "two": 5.0}.items()
        for seed in range(3)
    )
    kinds = dict.fromkeys(("one", "two"), "method")
    found = Results(facts={}, entrants=kinds, sizes=("256x256",), rows=rows, fields={})
    assert not won(found)
