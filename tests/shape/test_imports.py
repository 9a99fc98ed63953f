"""Imports follow one chain: interfaces, the flow, methods, parts, vocabulary."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import muralist

SOURCE = Path(muralist.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
PARTS = ("views", "denoisers", "guides", "patches", "fuse", "solvers")
VOCABULARY = ("canvas", "query", "strips", "room", "errors", "suggest")


def named(file: Path) -> str:
    """`denoisers.cfg` of a file; `__init__` of the package's own."""
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "__init__"


def imported(file: Path) -> Iterator[str]:
    """Modules that a file imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are written out"
            yield node.module or ""
            if node.module == "muralist":
                yield from (f"muralist.{alias.name}" for alias in node.names)


def ours(file: Path) -> set[str]:
    """The first names under muralist that a file imports."""
    return {name.split(".")[1] for name in imported(file) if name.startswith("muralist.")}


def files_of(*areas: str) -> list[Path]:
    found = [file for file in FILES if named(file).split(".")[0] in areas]
    assert {named(file).split(".")[0] for file in found} == set(areas)
    return found


def by_name(files: list[Path]):
    return pytest.mark.parametrize("file", files, ids=named)


@by_name(files_of(*VOCABULARY))
def test_the_vocabulary_imports_torch_and_itself(file):
    roots = {name.split(".")[0] for name in imported(file)}
    assert roots - set(sys.stdlib_module_names) <= {"torch", "muralist"}
    assert ours(file) <= set(VOCABULARY)


@by_name(files_of(*PARTS))
def test_parts_know_no_methods_models_or_flow(file):
    allowed = {*VOCABULARY, *PARTS, "settings"}
    assert ours(file) <= allowed


@by_name(files_of("methods"))
def test_methods_know_parts_and_no_models_flow_or_files(file):
    forbidden = {"models", "generation", "sinks", "cli", "decode", "run", "request", "planning"}
    assert not ours(file) & forbidden


@by_name(files_of("models"))
def test_models_know_the_vocabulary_and_where_weights_are(file):
    assert ours(file) <= {*VOCABULARY, "models", "shapes"}
    assert not [name for name in imported(file) if name.startswith("muralist.shapes.")]


@by_name(files_of("run"))
def test_runners_know_the_vocabulary_alone(file):
    assert ours(file) <= {*VOCABULARY, "run"}


@by_name(files_of("sinks"))
def test_files_are_written_without_knowing_what_painted_them(file):
    assert ours(file) <= {*VOCABULARY, "sinks"}


def test_libvips_is_known_to_who_reads_and_who_writes():
    known = [named(file) for file in FILES if "pyvips" in set(imported(file))]
    assert known == ["photo", "sinks.vips", "studio.deepzoom"]


@pytest.mark.parametrize(
    ("library", "home"),
    [("ray", "run.ray"), ("multiprocessing", "run.processes"), ("matplotlib", "bench.plots")],
)
def test_a_library_for_one_thing_is_known_to_one_file(library, home):
    roots = {named(file): {name.split(".")[0] for name in imported(file)} for file in FILES}
    assert [name for name, known in roots.items() if library in known] == [home]


@by_name([file for file in FILES if named(file).split(".")[0] not in ("cli", "__main__")])
def test_nothing_but_the_command_line_imports_what_it_is_made_of(file):
    roots = {name.split(".")[0] for name in imported(file)}
    assert not roots & {"cyclopts", "rich", "typer", "click"}
    assert "cli" not in ours(file)


@by_name([file for file in FILES if not named(file).startswith("methods")])
def test_nothing_reaches_into_a_method(file):
    """Methods are had from `muralist.methods`, never from a paper's own file."""
    assert not [name for name in imported(file) if name.startswith("muralist.methods.")]


@by_name([file for file in FILES if named(file).split(".")[0] not in ("cli", "bench")])
def test_nothing_but_the_command_line_and_comparisons_knows_the_benchmark(file):
    assert "bench" not in ours(file) or named(file) in ("studio.counts", "studio.page.compared")


def test_the_inner_loop_knows_the_vocabulary_and_solvers():
    (file,) = files_of("diffuse")
    assert ours(file) <= {*VOCABULARY, "solvers"}
