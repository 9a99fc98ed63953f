"""Progress lines, with the time, in a file and on the terminal."""

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Log:
    """Writes lines with the time to a file and to the terminal."""

    path: Path

    def __call__(self, line: str) -> None:
        line = f"{time.strftime('%H:%M:%S')} {self.path.stem} {line}"
        print(line, flush=True)
        with self.path.open("a") as file:
            file.write(line + "\n")
