"""Canvas to views: which cells each denoising looks at."""

from muralist.views.grid import Grid
from muralist.views.strided import Strided

__all__ = ["Grid", "Strided"]
