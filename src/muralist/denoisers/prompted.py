"""Each view is asked with the words that are seen in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from muralist.canvas import Size, View
from muralist.patches.probe import Probe
from muralist.query import Cond, Denoiser, Estimate, Query, Text

__all__ = ["PatchPrompted", "Word", "masks", "seen", "words"]


class Word(NamedTuple):
    """A word of a prompt, and which of its tokens it is made of."""

    text: str
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class PatchPrompted:
    """Asks about each view with a prompt of its own (AccDiffusion, patch-content-aware prompts).

    A word belongs to a view when at least `least` of the view lies where the word is looked at
    more than on average. `say` tells what becomes of the others: `words` are left out, and the
    text that remains is encoded; `tokens` are left out one by one, even inside of words, as
    published; `embeddings` of all the prompt are kept, but for those of absent words, which become
    those of no text at all.

    Asked as it is where the probe has recorded nothing and where there is no text.
    """

    inner: Denoiser
    probe: Probe
    least: float
    say: Literal["words", "tokens", "embeddings"] = "words"

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        maps = self.probe.maps
        if q.text is None or not q.text.tokens or maps is None or not q.views:
            return self.inner(x, q)
        conds = [self._cond(q, kept) for kept in self.kept(maps, q.text, q.views, q.canvas)]
        return self.inner(x, replace(q, cond=Cond.stacked(conds)))

    def kept(
        self, maps: Tensor, text: Text, views: Sequence[View], canvas: Size
    ) -> Iterator[list[Word]]:
        """The words of each view, in the order of the prompt."""
        every = [Word(one.text, (at,)) for at, one in enumerate(text.tokens)]
        every = every if self.say == "tokens" else words(text)
        shares = seen(masks(maps, every), views, canvas)
        for row in (shares >= self.least).tolist():
            yield [word for word, here in zip(every, row, strict=True) if here]

    def _cond(self, q: Query, kept: list[Word]) -> Cond:
        assert q.text is not None
        if self.say != "embeddings":
            return q.text.say(" ".join(word.text for word in kept))
        nothing = q.text.say("")
        embeds = q.cond.embeds.clone()
        here = {token for word in kept for token in word.tokens}
        for at in set(range(len(q.text.tokens))) - here:
            embeds[:, at + 1] = nothing.embeds[:, at + 1]
        return replace(q.cond, embeds=embeds)


def words(text: Text) -> list[Word]:
    """The words of a prompt; punctuation belongs to the word before it."""
    found: list[Word] = []
    open_word = False
    for at, token in enumerate(text.tokens):
        follows = open_word or (found and not any(map(str.isalnum, token.text)))
        if follows:
            last = found.pop()
            found.append(Word(last.text + token.text, (*last.tokens, at)))
        else:
            found.append(Word(token.text, (at,)))
        open_word = not token.ends_word
    return found


def masks(maps: Tensor, every: Sequence[Word]) -> Tensor:
    """Where each word is looked at more than on average, opened: `words rows columns`, 0 or 1.

    `maps` are a probe's. A word's map is the mean of its tokens'. Specks thinner than about an
    eighth of the shorter side are removed where maps are fine enough for that.
    """
    of_words = torch.stack([maps[[at + 1 for at in word.tokens]].mean(0) for word in every])
    mask = (of_words > of_words.mean((1, 2), keepdim=True)).float()
    turns = min(mask.shape[1:]) // 16
    for _ in range(turns):
        mask = 1 - F.max_pool2d(1 - mask, 3, 1, 1)
    for _ in range(turns):
        mask = F.max_pool2d(mask, 3, 1, 1)
    return mask


def seen(masks: Tensor, views: Sequence[View], canvas: Size) -> Tensor:
    """The share of each view in each mask, which is stretched over the canvas: `views words`."""
    rows = [_shares(v.top, v.height, v.step, canvas.height, masks.shape[1]) for v in views]
    cols = [_shares(v.left, v.width, v.step, canvas.width, masks.shape[2], v.wrap) for v in views]
    return torch.einsum("wrc,vr,vc->vw", masks, torch.stack(rows), torch.stack(cols))


def _shares(
    start: int, count: int, step: int, extent: int, cells: int, wrap: bool = False
) -> Tensor:
    """How much of a view lies in each cell of a mask along one axis; nothing beyond the canvas."""
    at = torch.arange(start, start + count * step, step)
    at = at % extent if wrap else at[(at >= 0) & (at < extent)]
    return (at * cells // extent).bincount(minlength=cells) / count
