"""Each view is asked with the words that are seen in it."""

from collections.abc import Sequence
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
        if not (self.hears(q) and q.views):
            return self.inner(x, q)
        conds = [self._cond(q, words) for words in self.kept(q)]
        return self.inner(x, replace(q, cond=Cond.stacked(conds)))

    def kept(self, q: Query) -> list[list[Word]]:
        """The words of each view of the query, in the order of the prompt."""
        every, _, where = self.heard(q)
        told = (seen(where, q.views, q.canvas) >= self.least).tolist()
        return [[word for word, here in zip(every, row, strict=True) if here] for row in told]

    def heard(self, q: Query) -> tuple[list[Word], Tensor, Tensor]:
        """The words of the prompt, where each is looked at, and where it is told."""
        maps = self.probe.maps
        assert q.text is not None and maps is not None
        single = [Word(token.text, (at,)) for at, token in enumerate(q.text.tokens)]
        every = single if self.say == "tokens" else words(q.text)
        of_words = torch.stack([maps[[at + 1 for at in word.tokens]].mean(0) for word in every])
        return every, of_words, masks(of_words)

    def hears(self, q: Query) -> bool:
        """Whether there is a prompt, and whether it was listened to."""
        return q.text is not None and bool(q.text.tokens) and self.probe.maps is not None

    def _cond(self, q: Query, kept: list[Word]) -> Cond:
        assert q.text is not None
        if self.say != "embeddings":
            return q.cond.saying(q.text.say(" ".join(word.text for word in kept)))
        nothing, told = q.text.say("").embeds, q.cond.embeds
        absent = torch.zeros(told.shape[1], 1, dtype=torch.bool)
        absent[1 : len(q.text.tokens) + 1] = True
        absent[[token + 1 for word in kept for token in word.tokens]] = False
        absent = absent.to(told.device, non_blocking=True)
        return replace(q.cond, embeds=torch.where(absent, nothing, told))


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


def masks(maps: Tensor) -> Tensor:
    """Where each of `words rows columns` is above its mean, opened: 0 or 1.

    Specks thinner than about an eighth of the shorter side go, where maps are fine enough for that.
    """
    mask = (maps > maps.mean((1, 2), keepdim=True)).float()
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
