"""Deep Zoom: a picture of any size as a folder of small JPEG tiles, as web viewers want it."""

from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np

from muralist.sinks import vips

__all__ = ["QUALITY", "description", "descriptor", "parts", "write"]

_SIDE, _OVERLAP = 510, 1  # pixels: a tile with its overlap is 512
QUALITY = 90  # of JPEG
_NAMESPACE = "urn:muralist"
_DESCRIPTOR = """\
<?xml version="1.0" encoding="UTF-8"?>
<Image xmlns="http://schemas.microsoft.com/deepzoom/2008"
  Format="jpg" Overlap="{overlap}" TileSize="{side}"
  xmlns:muralist="{namespace}" muralist:settings={text}>
  <Size Height="{height}" Width="{width}"/>
</Image>
"""


def write(pixels: np.ndarray, path: Path, text: str) -> None:
    """`x.dzi`, which holds the text in an attribute that viewers pass over, and `x_files`."""
    tiles, _ = parts(path)
    vips.write(
        pixels,
        "dzsave",
        path.with_suffix(""),
        {},
        tile_size=_SIDE,
        overlap=_OVERLAP,
        suffix=f".jpg[Q={QUALITY}]",
        keep="none",  # thousands of tiles need no profile each: viewers take them for sRGB
    )
    (tiles / "vips-properties.xml").unlink(missing_ok=True)
    height, width, _ = pixels.shape
    path.with_suffix(".dzi").unlink()  # libvips' own
    path.write_text(descriptor(height, width, _SIDE, _OVERLAP, text), encoding="utf-8")


def descriptor(height: int, width: int, side: int, overlap: int, text: str) -> str:
    """The XML of a `.dzi` file: pixels, those of a tile, those it shares with the next; a text."""
    return _DESCRIPTOR.format(
        overlap=overlap,
        side=side,
        namespace=_NAMESPACE,
        text=quoteattr(text),
        height=height,
        width=width,
    )


def parts(path: Path) -> tuple[Path, Path]:
    """The folder of tiles, and the file that makes a picture of them."""
    return path.with_name(f"{path.stem}_files"), path


def description(path: Path) -> str | None:
    """The text in `x.dzi`."""
    return ElementTree.parse(path).getroot().get(f"{{{_NAMESPACE}}}settings")
