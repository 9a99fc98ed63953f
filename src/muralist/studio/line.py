"""Whose turn it is: owners take turns, and each one's pictures come as they were asked for."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, zip_longest

from muralist.studio.work import Work

__all__ = ["in_turn", "last_served"]


def in_turn(queued: Iterable[Work], served: Mapping[str, float]) -> Sequence[Work]:
    """The order in which pictures are painted, if nothing more is asked for.

    Of all owners with pictures in the queue, whoever was served longest ago is next, and so on in
    rounds: somebody who asks for a hundred pictures does not keep others waiting for more than one.
    """
    theirs: dict[str, list[Work]] = defaultdict(list)
    for work in sorted(queued, key=lambda work: (work.record.asked, work.record.made)):
        theirs[work.record.owner].append(work)
    rows = sorted(theirs, key=lambda owner: (served.get(owner, 0.0), theirs[owner][0].record.asked))
    rounds = zip_longest(*(theirs[owner] for owner in rows))
    return [work for work in chain.from_iterable(rounds) if work is not None]


def last_served(works: Iterable[Work]) -> dict[str, float]:
    """When each owner's last picture was begun, of those that were."""
    served: dict[str, float] = {}
    for work in works:
        owner = work.record.owner
        served[owner] = max(served.get(owner, 0.0), work.record.served)
    return served
