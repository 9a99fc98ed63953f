"""Canvas to views: which cells each denoising looks at."""

from muralist.views.cover import Cover, RandomCover
from muralist.views.grid import Grid
from muralist.views.strided import Strided

__all__ = ["Cover", "Grid", "RandomCover", "Strided"]
