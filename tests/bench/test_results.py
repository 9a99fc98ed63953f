"""Results survive being written."""

import pytest

from muralist.bench.results import Group, Results, Row, Shown, read, write
from muralist.errors import BadRequest


def test_what_is_written_is_read_back(tmp_path):
    one = {"entrant": "demofusion", "size": "512x512"}
    whose = {**one, "prompt": "a red circle", "seed": 3}
    results = Results(
        facts={"model": "shapes"},
        entrants={"truth": "control", "demofusion": "method"},
        sizes=("512x512",),
        rows=(Row(**whose, measures={"repetition.excess": 1.0}, curves={"truth.spectrum": [1.0]}),),
        groups=(Group(**one, measures={"truth.frechet": 2.5}),),
        fields={"demofusion": {"inside": 0.7}},
        shown=(Shown(**whose, file="shown/1.jpg"),),
    )
    assert read(write(results, tmp_path / "results.json")) == results
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]
    assert results.of("demofusion", "512x512") == [results.rows[0]]
    assert results.group("demofusion", "512x512") == {"truth.frechet": 2.5}
    assert results.group("truth", "512x512") == {}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 0}', '{"format": 1, "rows": 3}'])
def test_what_is_no_result_is_refused(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(BadRequest, match=r"results\.json"):
        read(tmp_path / "results.json")
