"""Windows that see what earlier windows became, one after another."""

from dataclasses import dataclass

import torch
from torch import Tensor

from muralist.canvas import Unclaimed, gather
from muralist.denoisers.combine import Steered
from muralist.fuse import FirstOwner
from muralist.query import Denoiser, Estimate, Guide, Query, Views
from muralist.solvers.pairs import ddim
from muralist.strips import blank, copied

__all__ = ["Relay"]


@dataclass(frozen=True)
class Relay:
    """Asks `inner` about one window after another; `guide` sees cells that are done as they became.

    As Pixelsmith's release paints. Cells that a window owns are shown as the guide makes them, the
    others as they were at the start of the step. Nothing here can be batched, and the step is
    DDIM's: `Tiled` over the same windows, with `guide` inside, differs only in what guides see.
    """

    inner: Denoiser
    guide: Guide
    views: Views
    fuse: FirstOwner

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        canvas = Estimate(blank(x), blank(x))
        became, unclaimed = copied(x, x), Unclaimed(q.canvas)
        for view in self.views(q):
            mine = unclaimed.claim(view)
            moved = self.guide(view.crop(became), q.at([view]))
            shown = torch.where(mine.to(x.device), moved, view.crop(x))
            asked = Steered(self.inner, lambda *_, shown=shown: shown)
            say = self.fuse.say(mine)
            for part in q.run(asked, x, q, [view]):
                self.fuse.blend(canvas, *part, say)
            after, _ = ddim(Estimate(*(gather(total, [view]) for total in canvas)), q)
            touched = say.to(x.device) > 0
            view.add(became, torch.where(touched, after - view.crop(became), 0))
        return canvas
