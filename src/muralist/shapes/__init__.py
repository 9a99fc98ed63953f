"""A small text-to-image model, shipped with the package, and the world that it paints.

`scene` says what is in a picture and in words, `render` draws it at any size, `checker` reads
pictures and `judge` compares them with captions. The model in `WEIGHTS` is a diffusers folder of
Stable Diffusion XL's architecture, trained by the programs in `training/shapes`: native pictures
have 128x128 pixels and 32x32 latents. `FEATURES` are
the weights of `muralist.bench.network`, trained by those in `training/features`: a space in which
pictures of this world are compared.
"""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
FEATURES = Path(__file__).parent / "features" / "weights.safetensors"
