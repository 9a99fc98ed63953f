"""A part that is exported but missing from `parts.py` would escape every law."""

import inspect
from types import ModuleType

import pytest

import muralist
from muralist import denoisers, fuse, guides, views
from muralist.solvers import pairs
from tests.laws import parts

NO_PARTS = {pairs.Solver}  # what they are


def exported(module: ModuleType) -> dict[str, object]:
    values = {name: getattr(module, name) for name in module.__all__}
    return {name: value for name, value in values.items() if value not in NO_PARTS}


def is_among(part: object, listed: list) -> bool:
    return any(one is part or type(one) is part for one in listed)


@pytest.mark.parametrize(
    ("module", "listed"),
    [(views, parts.VIEWS), (fuse, parts.FUSIONS), (pairs, parts.SOLVERS)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_exported_part_is_under_the_laws(module, listed):
    missing = [
        name for name, part in exported(module).items() if not is_among(part, list(listed.values()))
    ]
    assert not missing


def test_every_exported_denoiser_is_under_the_laws():
    listed = [make(parts.network) for make in parts.IDENTITIES.values()]
    missing = [name for name, part in exported(denoisers).items() if not is_among(part, listed)]
    assert not missing


def test_every_exported_guide_is_under_the_laws():
    reference = guides.Reference(parts.normal(1, 1, 8, 8), parts.normal(1, 1, 8, 8))
    listed = [make(reference) for make in parts.GUIDES.values()]
    missing = [name for name, part in exported(guides).items() if not is_among(part, listed)]
    # what guides hold x to, and what is done to answers, not to x
    assert missing == ["Checkerboard", "Reference"]


def test_every_method_is_under_the_laws():
    missing = [
        name
        for name, method in muralist.METHODS.items()
        if not is_among(method, list(parts.METHODS.values()))
    ]
    assert not missing


def test_every_exported_method_has_a_name():
    from muralist import methods

    classes = {
        value for name in methods.__all__ if inspect.isclass(value := getattr(methods, name))
    }
    assert classes == set(muralist.METHODS.values())
