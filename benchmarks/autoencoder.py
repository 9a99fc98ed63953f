"""What a model's autoencoder leaves of the texture of true pictures, octave by octave.

    python -m benchmarks.autoencoder

draws what the benchmark's captions say, at its sizes, encodes and decodes it, and writes how many
decibels each octave has more than the truth to `results/autoencoder.json`, in float32.
"""

import json
from math import isfinite
from pathlib import Path

import cyclopts
import numpy as np

from muralist import Model, load
from muralist.bench.cases import captions, cases
from muralist.bench.machine import machine
from muralist.bench.samples import true_pictures
from muralist.bench.shades import pixels, shades
from muralist.bench.spectrum import bands
from muralist.canvas import Size
from muralist.codec import ModelCodec

__all__ = ["RESULTS", "change", "main"]

RESULTS = Path(__file__).parent / "results" / "autoencoder.json"
SIZES = Size(256, 256), Size(384, 384), Size(512, 512), Size(256, 512)


def main(out: Path = RESULTS, count: int = 10) -> None:
    """Of so many captions, the first ones of the benchmark."""
    model = load("shapes")
    changes = {str(size): change(model, captions(count), size) for size in SIZES}
    found = {"facts": {**machine("cpu"), "captions": count}, "decibels": changes}
    out.write_text(json.dumps(found, indent=1) + "\n")
    for size, octaves in changes.items():
        print(size, *(f"{one:+.1f}" for one in octaves))


def change(model: Model, texts: list[str], size: Size) -> list[float]:
    """Decibels by octave, from coarse to fine, that decoded pictures have beyond true ones.

    The mean of those in which the texture is found both times.
    """
    codec, found = ModelCodec(model), []
    for case in cases(texts, 1, [size]):
        (true,) = true_pictures(case, size, 1)
        again = pixels(codec.picture(codec.latents(shades(true))))
        pair = [bands(one, case.prompt) for one in (true, again)]
        if all(isfinite(band) for one in pair for band in one):
            found.append(np.subtract(pair[1], pair[0]))
    return np.mean(found, axis=0).tolist()


if __name__ == "__main__":
    cyclopts.run(main)
