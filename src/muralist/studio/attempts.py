"""How often somebody may be wrong about a password."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Attempts"]


@dataclass
class Attempts:
    """Wrong logins by address: after `most` within so many seconds, no more are heard for a while.

    A right one changes nothing: who knows a password could guess those of others
    between. Of the addresses, only those with a wrong login of late are remembered.
    """

    most: int = 5
    seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _wrong: dict[str, list[float]] = field(default_factory=dict, repr=False)

    def heard(self, address: str) -> bool:
        """Whether one more is heard."""
        since = self.clock() - self.seconds
        recent = {one: [at for at in times if at > since] for one, times in self._wrong.items()}
        self._wrong = {one: times for one, times in recent.items() if times}
        return len(self._wrong.get(address, ())) < self.most

    def wrong(self, address: str) -> None:
        """One was wrong."""
        self._wrong.setdefault(address, []).append(self.clock())
