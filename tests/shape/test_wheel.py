"""What `pip install muralist` gives: a wheel that paints with its own model anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The wheel built from the tree, unpacked into an empty folder."""
    wheels, target = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    _run(*pip, "wheel", *offline, "--no-build-isolation", "-w", wheels, CHECKOUT)
    _run(*pip, "install", *offline, "--target", target, *wheels.iterdir())
    return target


def test_the_wheel_paints_outside_the_checkout(installed, tmp_path):
    command = [sys.executable, "-m", "muralist", "paint", "a red circle on a blue background"]
    options = ["--size", "256x256", "--steps", "2", "--out", "red.png"]
    done = _run(*command, *options, cwd=tmp_path, path=installed)
    assert done.startswith("red.png: 256x256 pixels")
    with Image.open(tmp_path / "red.png") as image:
        assert image.size == (256, 256)


def test_the_wheel_is_what_was_imported(installed, tmp_path):
    where = _run(
        sys.executable,
        "-c",
        "import muralist; print(muralist.__file__)",
        cwd=tmp_path,
        path=installed,
    )
    assert Path(where.strip()).is_relative_to(installed)


def test_the_wheel_has_a_command(installed):
    assert (installed / "bin" / "muralist").exists()


def test_the_wheel_has_the_feature_space(installed, tmp_path):
    code = """
import torch
from muralist.bench.features import shapes_features
print(tuple(shapes_features()(torch.zeros(1, 3, 64, 64)).shape))
"""
    shape = _run(sys.executable, "-c", code, cwd=tmp_path, path=installed)
    assert shape.strip() == "(1, 64, 8, 8)"


def _run(*command: str | Path, cwd: Path | None = None, path: Path | None = None) -> str:
    environment = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
