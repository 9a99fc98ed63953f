"""What giant files cost: pictures of made-up tiles, through the spool, into TIFF and Deep Zoom.

`python -m benchmarks.giant --side 16384 --side 32768`
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import cyclopts
import numpy as np
import tifffile
from PIL import Image

from benchmarks.anonymous import anonymous, peak
from muralist.sinks import save, unpainted

__all__ = ["main", "table", "tile", "written"]

Run: TypeAlias = Mapping[str, Any]

HERE = Path(__file__).parent
TILE = 512  # pixels a side


def main(
    *,
    side: Sequence[int] = (16384,),
    out: Path = HERE / "results" / "giant.json",
    folder: Path | None = None,
) -> None:
    """Writes every side in every format, each in a process of its own, and reads it back.

    The JSON is written anew after every run. The table is printed, and put into the README beside
    this file.

    Parameters
    ----------
    side: pixels, a multiple of 512; may be repeated
    folder: where there is room for the pictures; the system's for temporary files if unset
    """
    from benchmarks.cost import into_page  # here, for writers should not load models
    from muralist.bench.machine import machine

    result: dict[str, Any] = {"machine": machine("cpu"), "runs": []}
    out.parent.mkdir(parents=True, exist_ok=True)
    for pixels in side:
        for name, read in READERS.items():
            with tempfile.TemporaryDirectory(dir=folder) as place:
                path = Path(place) / name
                run = {"side": pixels, "file": name, **_elsewhere(path, pixels)}
                result["runs"].append({**run, "difference": _difference(read(path), pixels)})
            out.write_text(json.dumps(result, indent=1) + "\n")
            print(result["runs"][-1], file=sys.stderr, flush=True)
    print(text := table(result))
    into_page(HERE / "README.md", out.stem, text)


def _elsewhere(path: Path, side: int) -> Run:
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(written, path, side).result()


def written(path: Path, side: int) -> Run:
    """Places the tiles as they come and writes the file; what that took.

    Bytes are of anonymous memory, the kind that cannot be had back: at the start, with all
    libraries loaded, and at most beyond that. Pages of mapped files are not among them.
    """
    save(unpainted(8, 8), path.parent / "first" / path.name, {})  # loads the libraries
    loaded = anonymous()
    with peak() as most:
        began = time.perf_counter()
        picture = unpainted(side, side, path.parent)
        for top, left in _corners(side):
            picture[top : top + TILE, left : left + TILE] = tile(top, left)
        placed = time.perf_counter()
        save(picture, path, {"prompt": "a wall"})
        done = time.perf_counter()
    files = [file for file in path.parent.rglob("*") if "first" not in file.parts]
    sizes = [file.stat().st_size for file in files if file.is_file()]
    return {
        "place_seconds": placed - began,
        "write_seconds": done - placed,
        "bytes": sum(sizes),
        "files": len(sizes),
        "loaded_bytes": loaded,
        "peak_bytes": most() - loaded,
    }


def tile(top: int, left: int) -> np.ndarray:
    """The pixels of one tile: slopes and waves across the whole picture, and grain."""
    rows, columns = np.ogrid[top : top + TILE, left : left + TILE]
    waves = [np.sin(rows / period + columns / 97) for period in (31.0, 211.0, 1013.0)]
    grain = np.random.default_rng((top, left)).normal(0, 3, (TILE, TILE, 3))
    return np.clip(127 + 90 * np.stack(waves, axis=-1) + grain, 0, 255).astype(np.uint8)


def _corners(side: int) -> Iterator[tuple[int, int]]:
    return ((top, left) for top in range(0, side, TILE) for left in range(0, side, TILE))


def _from_tiff(path: Path) -> np.ndarray:
    """The first level, by tifffile."""
    with tifffile.TiffFile(path) as file:
        return file.pages[0].asarray(out="memmap")


def _from_tiles(path: Path) -> np.ndarray:
    """The last level, by Pillow: tiles without the pixel that they share with a neighbour."""
    level = max(path.with_name(f"{path.stem}_files").iterdir(), key=lambda each: int(each.name))
    files = {tuple(map(int, file.stem.split("_"))): file for file in level.iterdir()}
    side = 510
    with tempfile.TemporaryFile(dir=path.parent) as room:
        last, *_ = sorted(files, reverse=True)
        width = last[0] * side + _inside(files[last], *last).shape[1]
        picture = np.memmap(room, np.uint8, "w+", shape=(width, width, 3))
    for (column, row), file in files.items():
        inside = _inside(file, column, row)
        top, left = row * side, column * side
        picture[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return picture


def _inside(file: Path, column: int, row: int) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image)[row > 0 :, column > 0 :][:510, :510]


READERS: Mapping[str, Callable[[Path], np.ndarray]] = {"a.tif": _from_tiff, "a.dzi": _from_tiles}


def _difference(picture: np.ndarray, side: int) -> float:
    """The mean absolute one from what was placed, of 255; zero where nothing was lost."""
    assert picture.shape == (side, side, 3)
    errors = [
        np.abs(picture[top : top + TILE, left : left + TILE] - tile(top, left).astype(int)).mean()
        for top, left in _corners(side)
    ]
    return float(np.mean(errors))


def table(result: Mapping[str, Any]) -> str:
    """Markdown: a caption, and a row for each file."""
    rows = [
        ("side", "file", "place s", "write s", "MB", "files", "anonymous MB", "difference"),
        ("---:", "---", *("---:",) * 6),
    ]
    rows += [_row(run) for run in result["runs"]]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    facts = result["machine"]
    return "\n".join([f"{facts['processor']}, {facts['cores']} cores.", "", *lines])


def _row(run: Run) -> tuple[str, ...]:
    return (
        str(run["side"]),
        f"`{Path(run['file']).suffix}`",
        f"{run['place_seconds']:.1f}",
        f"{run['write_seconds']:.1f}",
        f"{run['bytes'] / 1e6:.0f}",
        str(run["files"]),
        f"{run['peak_bytes'] / 1e6:.0f}",
        f"{run['difference']:.2f}" if run["difference"] else "0",
    )


if __name__ == "__main__":
    cyclopts.run(main)
