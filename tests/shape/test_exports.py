"""What is public is listed, and what is listed is there."""

import ast
import inspect
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import muralist

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(muralist.__path__, "muralist.")
    if not module.name.endswith("__main__")
)


def in_order(name: str) -> tuple[int, str]:
    """Constants, classes, functions, as ruff sorts `__all__`."""
    constant = name.isupper()
    return (0 if constant else 1 if name[0].isupper() else 2), name


def test_every_public_name_can_be_imported():
    for name in muralist.__all__:
        assert getattr(muralist, name) is not None


def test_public_names_are_sorted_and_listed_once():
    assert list(muralist.__all__) == sorted(set(muralist.__all__), key=in_order)
    assert dir(muralist) == sorted(muralist.__all__)


def test_what_type_checkers_see_is_what_there_is():
    """The imports under TYPE_CHECKING, the table of homes and `__all__` name the same."""
    tree = ast.parse(Path(inspect.getfile(muralist)).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(seen) == set(muralist.__all__) - {"__version__"}
    for name, home in seen.items():
        assert getattr(muralist, name) is getattr(import_module(home), name)


def test_names_that_are_not_public_are_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'paintt'"):
        muralist.paintt  # noqa: B018


@pytest.mark.parametrize("name", MODULES)
def test_every_listed_name_of_every_module_exists(name):
    module = import_module(name)
    for listed in getattr(module, "__all__", []):
        assert hasattr(module, listed), f"{name} lists {listed}"


@pytest.mark.parametrize("name", [name for name in MODULES if name.count(".") <= 2])
def test_every_module_says_what_it_is_in_one_line(name):
    first = (import_module(name).__doc__ or "").strip().splitlines()[:1]
    assert first and first[0].endswith((".", "!")), name


@pytest.mark.parametrize("statement", ["import muralist", "from muralist import __version__"])
def test_importing_muralist_alone_imports_nothing_heavy(statement):
    """`muralist --help` should not wait for torch."""
    heavy = ("torch", "diffusers", "transformers", "numpy", "PIL", "pyvips")
    code = f"{statement}\nimport sys\nprint([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert muralist.__version__ == version("muralist")


def test_everything_raised_on_purpose_is_a_muralist_error():
    from muralist import errors

    for name in errors.__all__:
        assert issubclass(getattr(errors, name), muralist.MuralistError)


def test_every_public_class_and_function_says_what_it_is():
    silent = [
        name
        for name in muralist.__all__
        if (inspect.isclass(value := getattr(muralist, name)) or inspect.isfunction(value))
        and not (value.__doc__ or "").strip()
    ]
    assert not silent
