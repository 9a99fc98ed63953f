"""Objects of any kind, counted by an open-vocabulary detector: repetition for real models.

The embedded world's objects are counted by `repetition`, exactly; this is for pictures of models
whose users have a detector at hand: OWLv2, OWL-ViT, Grounding DINO, in a folder of transformers'.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import torch
from PIL import Image
from torch import Tensor

from muralist.bench.shades import shades
from muralist.errors import BadRequest, ModelNotFound, UnsupportedModel
from muralist.models.files import header
from muralist.models.quiet import quiet

__all__ = ["Box", "Detector", "Network", "Transformers", "distinct"]


class Box(NamedTuple):
    """A rectangle in which an object is seen, in pixels from the top left corner."""

    left: float
    top: float
    right: float
    bottom: float
    score: float  # 0 to 1

    def moved(self, right: float, down: float) -> "Box":
        return Box(
            self.left + right, self.top + down, self.right + right, self.bottom + down, self.score
        )

    @property
    def area(self) -> float:
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def overlap(self, other: "Box") -> float:
        """Intersection over union."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        common = max(0.0, right - left) * max(0.0, bottom - top)
        return common / (self.area + other.area - common) if common else 0.0


# Of transformers, by the `model_type` of their configs; they are asked and answer alike.
KINDS = ("owlv2", "owlvit", "grounding-dino", "mm-grounding-dino")

Network: TypeAlias = Callable[[Image.Image, str], Sequence[Box]]
"""Sees the objects that a word names in an image, in the image's own pixels."""


@dataclass(frozen=True)
class Detector:
    """Counts what words name, in a picture seen whole and in overlapping tiles.

    Tiles are a share of the picture's width, so that a large picture and a small one are looked
    at as closely: with tiles of so many pixels, a larger picture is looked at more often, and
    more is found in it whatever it shows.
    """

    network: Network
    tile: float = 0.5  # side, as a share of the picture's width; 1 for the whole alone
    same: float = 0.5  # intersection over union from which on two boxes are of one object
    cut: float = 0.02  # of a tile, within which a box at its edge is a part of something larger

    def __post_init__(self) -> None:
        if not 0.05 <= self.tile <= 1:
            raise BadRequest(f"tile {self.tile} is not possible; it is a share from 0.05 to 1")

    @classmethod
    def load(
        cls, folder: str | Path, device: torch.device | str = "cpu", threshold: float = 0.2
    ) -> "Detector":
        """A detector from a folder of a zero-shot object detection model of transformers.

        Nothing is downloaded. Boxes with a score of `threshold` (0 to 1) and more count. Raises
        `ModelNotFound` where there is no such folder, or its safetensors or preprocessing cannot
        be read, `UnsupportedModel` where it is a model of another kind.
        """
        if not 0 <= threshold <= 1:
            raise BadRequest(f"a threshold of {threshold} is not possible; scores are from 0 to 1")
        _check(Path(folder))
        return cls(_network(Path(folder), torch.device(device), threshold))

    def count(self, image: Tensor, words: Sequence[str]) -> dict[str, int]:
        """How many objects each word names in a picture `3 H W` in [-1, 1]."""
        return {word: len(boxes) for word, boxes in self.boxes(image, words).items()}

    def excess(self, large: Tensor, base: Tensor, words: Sequence[str]) -> dict[str, int]:
        """How many more objects a large picture shows than its base picture, for each word.

        Negative where it shows fewer. Compare with the base picture enlarged by Lanczos, whose
        excess says what the detector makes of sharpness alone.
        """
        after, before = self.count(large, words), self.count(base, words)
        return {word: after[word] - before[word] for word in words}

    def boxes(self, image: Tensor, words: Sequence[str]) -> Mapping[str, list[Box]]:
        """Where each word's objects are, the surest first.

        Each word is asked for by itself, so that counts do not depend on the others. Raises
        `BadRequest` where there are no words.
        """
        if not words or not all(word.strip() for word in words):
            raise BadRequest(f"{list(words)} names nothing to count; give words, 'a cat' say")
        whole = Image.fromarray(shades(image))
        return {word: distinct(self._seen(whole, word), self.same) for word in words}

    def _seen(self, whole: Image.Image, word: str) -> Iterator[Box]:
        yield from self.network(whole, word)
        for tile in _tiles(whole.size, self.tile):
            margin = self.cut * (tile[2] - tile[0])
            for box in self.network(whole.crop(tile), word):
                placed = box.moved(tile[0], tile[1])
                if not _is_cut(placed, tile, whole.size, margin):
                    yield placed


_Tile: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom


def _tiles(size: tuple[int, int], share: float) -> Iterator[_Tile]:
    """Squares (left, top, right, bottom), half a side apart, over a picture (width, height)."""
    side = round(share * size[0])
    if side >= max(size):
        return
    for top in _starts(size[1], side):
        for left in _starts(size[0], side):
            yield left, top, min(left + side, size[0]), min(top + side, size[1])


def _is_cut(box: Box, tile: _Tile, size: tuple[int, int], margin: float) -> bool:
    """Whether a box ends where its tile does, and the picture does not.

    Another tile, or the whole picture, shows all of such an object.
    """
    return (
        (0 < tile[0] >= box.left - margin)
        or (0 < tile[1] >= box.top - margin)
        or (size[0] > tile[2] <= box.right + margin)
        or (size[1] > tile[3] <= box.bottom + margin)
    )


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin, half a side apart or closer, evenly from end to end."""
    span = max(0, length - side)
    count = -(-2 * span // side)
    return [round(span * i / count) for i in range(count + 1)] if count else [0]


def distinct(boxes: Iterator[Box] | Sequence[Box], same: float = 0.5) -> list[Box]:
    """Boxes without those that overlap a surer one by more than `same`: one per object."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box.score):
        if all(box.overlap(other) <= same for other in kept):
            kept.append(box)
    return kept


def _network(folder: Path, device: torch.device, threshold: float) -> "Transformers":
    """What `folder` holds, on the device, after it was asked once."""
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    quiet()
    try:
        processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        network, told = AutoModelForZeroShotObjectDetection.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        seen = Transformers(processor, network.eval().to(device), threshold)
        seen(Image.new("RGB", (64, 64)), "a cat")  # what it lacks, it lacks before hours of work
    except (OSError, LookupError, RuntimeError, ImportError, ValueError) as error:
        raise ModelNotFound(
            f"the detector in {str(folder)!r} could not be read: {error}"
        ) from error
    if missing := sorted(told["missing_keys"]):
        raise ModelNotFound(
            f"the detector in {str(folder)!r} has no values for {len(missing)} of its weights,"
            f" {missing[0]} for one"
        )
    return seen


def _check(folder: Path) -> None:
    """By what lies in the folder, before anything is loaded."""
    weights = list(folder.glob("*.safetensors"))
    if not (folder / "config.json").is_file() or not weights:
        raise ModelNotFound(
            f"{str(folder)!r} holds no detector; give a folder with the config.json, safetensors"
            " and preprocessor of an OWLv2, OWL-ViT or Grounding DINO model"
        )
    for file in weights:
        header(file)
    kind = json.loads((folder / "config.json").read_text()).get("model_type")
    if kind not in KINDS:
        raise UnsupportedModel(
            f"{str(folder)!r} holds a model of the kind {kind!r}, which detects nothing by words;"
            f" {', '.join(KINDS)} do"
        )


@dataclass(frozen=True)
class Transformers:
    """A zero-shot object detection model with its processor, asked for one word at a time."""

    processor: Any
    model: Any
    threshold: float

    @torch.inference_mode()
    def __call__(self, image: Image.Image, word: str) -> list[Box]:
        given = self.processor(images=[image], text=[[word]], return_tensors="pt")
        seen = self.model(**given.to(self.model.device))
        (found,) = self.processor.post_process_grounded_object_detection(
            seen,
            threshold=self.threshold,
            target_sizes=[(image.height, image.width)],
            text_labels=[[word]],
        )
        boxes, scores = found["boxes"].tolist(), found["scores"].tolist()
        return [Box._make([*box, score]) for box, score in zip(boxes, scores, strict=True)]
