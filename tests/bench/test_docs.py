"""The page says what was measured."""

from benchmarks.counted import PAGE, RESULTS, text

from muralist.bench.catalogue import unknown
from muralist.bench.results import read


def test_the_tables_of_the_page_are_those_of_the_results():
    found = read(RESULTS)
    assert not unknown(found)
    assert text(found) in PAGE.read_text()
