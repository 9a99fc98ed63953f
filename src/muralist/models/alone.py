"""Networks are made by one thread at a time, whether with weights or without."""

import threading

__all__ = ["ALONE"]

# Libraries change torch's defaults and functions for the whole process while they make networks:
# two that do so at once leave each other's behind.
ALONE = threading.RLock()
