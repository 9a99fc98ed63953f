"""Denoisers made of denoisers."""

from muralist.denoisers.cfg import CFG
from muralist.denoisers.combine import Blended, Corrected, Filtered, Relabelled, Steered
from muralist.denoisers.tiled import Tiled

__all__ = ["CFG", "Blended", "Corrected", "Filtered", "Relabelled", "Steered", "Tiled"]
