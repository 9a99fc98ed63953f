"""Where views are computed."""

from muralist.run.crew import Crew
from muralist.run.hire import check_workers, hired
from muralist.run.local import Batches, Spread, short_of_memory

__all__ = ["Batches", "Crew", "Spread", "check_workers", "hired", "short_of_memory"]
