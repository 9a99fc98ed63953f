"""Denoisers made of denoisers."""

from muralist.denoisers.cfg import CFG
from muralist.denoisers.combine import Blended, Corrected, Filtered, Relabelled, Steered
from muralist.denoisers.patched import Patched
from muralist.denoisers.prompted import PatchPrompted
from muralist.denoisers.shuffled import Shuffled
from muralist.denoisers.tiled import Tiled

__all__ = [
    "CFG",
    "Blended",
    "Corrected",
    "Filtered",
    "PatchPrompted",
    "Patched",
    "Relabelled",
    "Shuffled",
    "Steered",
    "Tiled",
]
