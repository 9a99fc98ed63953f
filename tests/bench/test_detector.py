"""Objects that a network sees are counted once, however often it is shown them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from muralist.bench.detector import Box, Detector, Transformers, distinct
from muralist.errors import BadRequest, ModelNotFound, UnsupportedModel
from tests.bench.tiny import save_owlvit

DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True)
class Bright:
    """Sees every bright rectangle of an image, as a detector would: what is cut, too."""

    sides: list[float] = field(default_factory=list)  # of the images it was shown

    def __call__(self, image: Image.Image, word: str) -> Sequence[Box]:
        from muralist.shapes.areas import connected

        self.sides.append(image.width)
        grey = torch.tensor(list(image.convert("L").tobytes())).view(image.height, image.width)
        areas = (area for _, area in connected(grey > 128))
        return [Box(a.left, a.top, a.right, a.bottom, 0.9) for a in areas if word == "light"]


def lit(height: int, width: int, *boxes: tuple[int, int, int, int]) -> Tensor:
    """A dark picture `3 H W` in [-1, 1] with bright boxes (left, top, right, bottom)."""
    image = torch.full((3, height, width), -1.0)
    for left, top, right, bottom in boxes:
        image[:, top:bottom, left:right] = 1.0
    return image


SMALL = (10, 12, 20, 25), (70, 40, 90, 55), (30, 66, 50, 90)
LARGE = (0, 0, 90, 30)  # wider than a tile
CUT = (60, 46, 100, 54)  # to the border, across the tiles' edges


@pytest.mark.parametrize("tile", [0.25, 0.4, 0.5, 1.0])
@pytest.mark.parametrize(
    "boxes", [SMALL, (LARGE,), (CUT,), (LARGE, *SMALL[1:]), ()], ids=lambda boxes: len(boxes)
)
def test_every_object_is_counted_once(boxes, tile):
    image = lit(100, 100, *boxes)
    detector = Detector(Bright(), tile=tile)
    assert detector.count(image, ["light", "dog"]) == {"light": len(boxes), "dog": 0}
    seen = {tuple(box[:4]) for box in detector.boxes(image, ["light"])["light"]}
    assert seen == set(boxes)


def test_pictures_of_any_size_are_looked_at_equally_often():
    times = {}
    for side in (64, 128, 512):
        network = Bright()
        Detector(network).count(lit(side, side), ["light"])
        times[side] = [shown / side for shown in network.sides]
    assert times[64] == times[128] == times[512]
    assert times[64][0] == 1.0 and set(times[64][1:]) == {0.5}


@pytest.mark.parametrize(("height", "width"), [(50, 100), (200, 100), (33, 70)])
def test_tiles_of_wide_and_tall_pictures_cover_them(height, width):
    corners = [(0, 0, 6, 6), (width - 6, height - 6, width, height), (0, height - 6, 6, height)]
    whole = Bright()

    def blind_to_the_whole(image: Image.Image, word: str) -> Sequence[Box]:
        return [] if image.size == (width, height) else whole(image, word)

    assert Detector(blind_to_the_whole).count(lit(height, width, *corners), ["light"])["light"] == 3


def test_excess_is_relative_to_the_base():
    large = lit(100, 100, *SMALL)
    base = lit(50, 50, (5, 6, 10, 12))
    assert Detector(Bright()).excess(large, base, ["light"]) == {"light": 2}
    assert Detector(Bright()).excess(base, large, ["light"]) == {"light": -2}
    tiled = base.repeat(1, 3, 3)
    assert Detector(Bright()).excess(tiled, base, ["light"]) == {"light": 8}


def test_of_boxes_that_overlap_the_surest_is_kept():
    sure, less, other = Box(0, 0, 10, 10, 0.9), Box(0, 0, 10, 8, 0.5), Box(8, 8, 20, 20, 0.3)
    assert distinct([other, less, sure]) == [sure, other]
    assert distinct([other, less, sure], same=0.9) == [sure, less, other]
    assert sure.overlap(less) == pytest.approx(0.8)
    assert sure.overlap(Box(10, 0, 20, 10, 1.0)) == 0.0


@pytest.mark.parametrize("words", [[], ["a cat", " "]])
def test_nothing_to_count_is_refused(words):
    with pytest.raises(BadRequest, match="names nothing to count"):
        Detector(Bright()).count(lit(8, 8), words)


@pytest.mark.parametrize("tile", [0.0, -1.0, 1.5])
def test_tiles_are_shares_of_the_width(tile):
    with pytest.raises(BadRequest, match=f"tile {tile} is not possible"):
        Detector(Bright(), tile=tile)


@pytest.fixture(scope="module")
def owl(tmp_path_factory) -> Path:
    return save_owlvit(tmp_path_factory.mktemp("owl"))


def test_a_folder_is_loaded_and_sees_what_its_model_says(owl):
    """Boxes are the model's own, brought to pixels of a picture twice as wide as high."""
    network = Detector.load(owl, threshold=0.0).network
    assert isinstance(network, Transformers)
    image = Image.new("RGB", (128, 64), "red")
    seen = network(image, "a red circle")
    given = network.processor(images=[image], text=[["a red circle"]], return_tensors="pt")
    with torch.no_grad():
        said = network.model(**given)
    assert len(seen) == 16  # a patch each
    x, y, width, height = said.pred_boxes[0].double().unbind(-1)
    scale = torch.tensor([128.0, 64.0, 128.0, 64.0])
    corners = torch.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], -1)
    theirs = torch.cat([corners * scale, said.logits[0].sigmoid()], -1)
    assert torch.allclose(torch.tensor(seen).double(), theirs.double(), atol=1e-3)


def test_boxes_below_the_threshold_are_not_counted(owl):
    image = torch.rand(3, 64, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert Detector.load(owl, threshold=0.0).count(image, ["a cat"])["a cat"] > 0
    assert Detector.load(owl, threshold=1.0).count(image, ["a cat"]) == {"a cat": 0}


def test_what_is_no_detector_is_refused_in_a_sentence(owl, tmp_path):
    with pytest.raises(ModelNotFound, match="holds no detector; give a folder"):
        Detector.load(tmp_path / "nowhere")
    with pytest.raises(UnsupportedModel, match="'clip_text_model', which detects nothing by words"):
        Detector.load(DATA / "tiny-sdxl" / "text_encoder")
    with pytest.raises(BadRequest, match=r"a threshold of 1\.5"):
        Detector.load(owl, threshold=1.5)
    for path in owl.iterdir():
        if path.suffix in (".json", ".txt"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelNotFound, match="holds no detector"):
        Detector.load(tmp_path)  # no weights
    (tmp_path / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelNotFound, match="no whole safetensors file"):
        Detector.load(tmp_path)


def test_weights_that_are_missing_are_not_made_up(owl, tmp_path):
    from safetensors.torch import load_file, save_file

    for path in owl.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(owl / "model.safetensors")
    gone = next(key for key in tensors if "class_head" in key)
    save_file({k: v for k, v in tensors.items() if k != gone}, tmp_path / "model.safetensors")
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "owlvit"
    with pytest.raises(ModelNotFound, match="no values for 1 of its weights"):
        Detector.load(tmp_path)
