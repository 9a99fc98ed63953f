"""Custom pipelines of diffusers that forward to muralist, for those who load and call those.

`DiffusionPipeline.from_pretrained(name, custom_pipeline=pipelines.SDXL, trust_remote_code=True)` is
a pipeline that is called as any other, and takes what `muralist.paint` takes besides: `method`,
say.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["SD", "SDXL", "images"]

# Folders, for `custom_pipeline`. Their classes have one name: diffusers loads all local pipelines
# of a process into one module, in which it allows one class.
SDXL = str(Path(__file__).parent / "sdxl")
SD = str(Path(__file__).parent / "sd")


def images(
    pipe: Any,
    prompt: str | list[str] | None,
    num_images_per_prompt: int | None,
    output_type: str,
    settings: dict[str, Any],
) -> Any:
    """What a pipeline of diffusers' gives back as its images.

    `settings` are those of `muralist.paint`. `output_type` is `pil`, a list of images; `np` or
    `pt`, an array `B H W 3` or a tensor `B 3 H W`, 0 to 1; or `latent`, a tensor `B C H W`.

    Raises `BadRequest` for another one, and for less than one image.
    """
    from muralist.errors import BadRequest
    from muralist.models import wrap
    from muralist.painting import paint
    from muralist.request.conditioning import EMBEDS, TEXTS

    made = {
        "pil": lambda pictures: [picture.image for picture in pictures],
        "np": lambda pictures: np.stack([picture.pixels for picture in pictures]) / np.float32(255),
        "pt": lambda pictures: torch.from_numpy(made["np"](pictures)).permute(0, 3, 1, 2),
        "latent": lambda pictures: torch.cat([picture.latents for picture in pictures]),
    }
    if output_type not in made:
        raise BadRequest(f"output_type is {output_type!r}; {', '.join(made)} are possible")
    count = 1 if num_images_per_prompt is None else num_images_per_prompt
    if type(count) is not int or count < 1:
        raise BadRequest(f"num_images_per_prompt is {count!r}; a whole number from 1 is needed")
    embeds = settings.get("prompt_embeds")
    nothing = [""] * (1 if embeds is None else len(embeds))
    given = nothing if prompt is None else prompt
    several = given if isinstance(given, list | tuple) else [given]
    told = {name: given for name, given in settings.items() if name in (*TEXTS, *EMBEDS)}
    several, *others = (_repeated(each, count) for each in (several, *told.values()))
    settings |= dict(zip(told, others, strict=True))
    return made[output_type](paint(wrap(pipe), several, **settings))


def _repeated(given: Any, count: int) -> Any:
    """What is one for each prompt, so many times each: a list, or a tensor's rows."""
    if isinstance(given, torch.Tensor):
        return given.repeat_interleave(count, 0)
    if isinstance(given, list | tuple):
        return [each for each in given for _ in range(count)]
    return given
