"""Pipelines of diffusers that can be painted with, by their classes' names, as denoisers."""

from collections.abc import Mapping

from muralist.models.sd import SD
from muralist.models.sdxl import SDXL

__all__ = ["FAMILIES"]

FAMILIES: Mapping[str, type[SD] | type[SDXL]] = {
    "StableDiffusionPipeline": SD,
    "StableDiffusionXLPipeline": SDXL,
}
