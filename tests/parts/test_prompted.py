"""Which words each view is told."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from muralist import AccDiffusion, StageDone
from muralist.canvas import Size, View
from muralist.denoisers import PatchPrompted
from muralist.denoisers.prompted import masks, seen, words
from muralist.models.prompt import Prompt
from muralist.patches import Probe
from muralist.query import Cond, Estimate, Text, Token
from tests.laws.parts import events, network, normal, query, toy_request

quick = settings(max_examples=40, deadline=None, derandomize=True)


def text(*pieces: str) -> Text:
    """A prompt of pieces; those that end in `-` go on in the next."""
    tokens = tuple(Token(piece.removesuffix("-"), not piece.endswith("-")) for piece in pieces)
    return Text(tokens, encoded)


def encoded(prompt: str) -> Cond:
    """A different conditioning for each prompt."""
    width = len(prompt)
    return Cond(torch.full((1, 12, 2), float(width)), torch.full((1, 3), float(width)))


def test_words_keep_their_tokens_together_and_punctuation_its_word():
    found = words(text("a", "cor-", "gi", ",", "(", "old", "house", ".", "!"))
    assert [word.text for word in found] == ["a", "corgi,(", "old", "house.!"]
    assert [word.tokens for word in found] == [(0,), (1, 2, 3, 4), (5,), (6, 7, 8)]


def test_punctuation_at_the_start_is_a_word():
    assert [word.text for word in words(text("...", "a"))] == ["...", "a"]


def test_the_tokens_of_a_real_tokenizer(tiny_sdxl):
    told = tiny_sdxl.text(Prompt(prompt="a red cat and a corgi on the lawn, old house"))
    assert [word.text for word in words(told)] == [
        *("a", "red", "cat", "and", "a", "corgi", "on", "the", "lawn,", "old", "house")
    ]


def test_a_prompt_is_encoded_once(tiny_sdxl, monkeypatch):
    told = tiny_sdxl.text(Prompt(prompt="a red cat"))
    asked = []
    encode = tiny_sdxl.pipe.encode_prompt
    monkeypatch.setattr(
        tiny_sdxl.pipe, "encode_prompt", lambda *a, **k: asked.append(a) or encode(*a, **k)
    )
    first, again = told.say("red"), told.say("red")
    assert first is again
    assert len(asked) == 1


def nearest(mask: torch.Tensor, canvas: Size) -> torch.Tensor:
    rows, cols = (
        torch.tensor([at * cells // extent for at in range(extent)])
        for cells, extent in zip(mask.shape[1:], canvas, strict=True)
    )
    return mask[:, rows][:, :, cols]


@quick
@given(
    st.builds(Size, st.integers(1, 9), st.integers(1, 9)),
    st.builds(Size, st.integers(1, 30), st.integers(1, 30)),
    st.builds(
        View,
        top=st.integers(-6, 25),
        left=st.integers(-6, 25),
        height=st.integers(1, 10),
        width=st.integers(1, 10),
        step=st.integers(1, 3),
        wrap=st.just(False),
    ),
)
def test_what_is_seen_is_the_mean_of_the_enlarged_mask_in_the_view(maps, canvas, view):
    """Enlarged by nearest neighbours, zero beyond the canvas."""
    mask = (normal(3, *maps, dtype=torch.float32) > 0).float()
    expected = view.crop(nearest(mask, canvas)).mean((1, 2))
    torch.testing.assert_close(seen(mask, [view], canvas)[0], expected, atol=1e-5, rtol=0)


def by_hand(mask: torch.Tensor, turns: int) -> torch.Tensor:
    """Opened by one cell at a time, cell by cell; what lies outside neither shrinks nor grows."""

    def each(mask, combine):
        made = mask.clone()
        rows, cols = mask.shape
        for r in range(rows):
            for c in range(cols):
                made[r, c] = combine(mask[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2])
        return made

    for _ in range(turns):
        mask = each(mask, torch.min)
    for _ in range(turns):
        mask = each(mask, torch.max)
    return mask


@pytest.mark.parametrize(("side", "turns"), [(8, 0), (16, 1), (32, 2)])
def test_masks_are_above_the_mean_and_opened(side, turns):
    maps = F.avg_pool2d(normal(3, side + 2, side + 2, dtype=torch.float32).abs(), 3, 1)
    made = masks(maps)
    for mask, each in zip(made, maps, strict=True):
        assert torch.equal(mask, by_hand((each > each.mean()).float(), turns))
    assert 0 < made.mean() < 1


class Heard(Probe):
    """A probe with given maps."""

    def __init__(self, maps: torch.Tensor):
        super().__init__()
        self._total, self._count = maps, 1


def left_and_right() -> Heard:
    """`cat` is looked at on the left, `old house` on the right, `a` evenly."""
    left = torch.zeros(8, 8)
    left[:, :4] = 1.0
    even = torch.full((8, 8), 0.5)
    return Heard(torch.stack([even, even, left, 1 - left, 1 - left, *[even] * 3]))


def asked_about(say: str, least: float = 0.5, negative: bool = False):
    """What each of two views is asked with: the left half of the canvas, and the right."""
    heard = []

    def listening(x, q):
        heard.append(q.cond)
        return Estimate(x, x)

    told = text("a", "cat", "old", "house")
    q = query(
        Size(16, 16),
        text=told,
        cond=encoded("a cat old house"),
        views=(View(0, 0, 16, 8), View(0, 8, 16, 8)),
    )
    x = normal(2, 1, 16, 8)
    PatchPrompted(listening, left_and_right(), least, say)(x, q)
    return heard[0]


def test_each_view_is_told_the_words_in_it():
    cond = asked_about("words")
    assert torch.equal(cond.embeds, torch.cat([encoded("cat").embeds, encoded("old house").embeds]))
    assert torch.equal(cond.pooled, torch.cat([encoded("cat").pooled, encoded("old house").pooled]))


def test_all_words_are_told_everywhere_when_nothing_is_asked_of_them():
    cond = asked_about("words", least=0.0)
    assert torch.equal(cond.embeds, encoded("a cat old house").embeds.repeat(2, 1, 1))


def test_embeddings_of_absent_words_become_those_of_no_text():
    cond = asked_about("embeddings")
    full, nothing = float(len("a cat old house")), 0.0
    # begin, a, cat, old, house, end and fill
    left = [full, nothing, full, nothing, nothing] + [full] * 7
    right = [full, nothing, nothing, full, full] + [full] * 7
    assert cond.embeds[:, :, 0].tolist() == [left, right]
    assert cond.pooled.tolist() == [[full] * 3] * 2


@pytest.mark.parametrize("told", [None, Text((), encoded)], ids=["no text", "an empty prompt"])
def test_without_words_views_are_asked_as_they_are(told):
    q = query(Size(16, 16), text=told, views=(View(0, 0, 16, 16),))
    x = normal(1, 1, 16, 16)
    made = PatchPrompted(network, left_and_right(), 0.3)(x, q)
    assert torch.equal(made.x0, network(x, q).x0)


def test_the_map_of_a_word_is_the_mean_of_its_tokens():
    maps = normal(5, 8, 8, dtype=torch.float32)
    part = PatchPrompted(network, Heard(maps), 0.3)
    every, of_words, _ = part.heard(query(Size(16, 16), text=text("cat", "cor-", "gi")))
    assert [word.text for word in every] == ["cat", "corgi"]
    torch.testing.assert_close(of_words[0], maps[1])
    torch.testing.assert_close(of_words[1], maps[2:4].mean(0))


@pytest.mark.parametrize("say", ["words", "tokens", "embeddings"])
@pytest.mark.parametrize("prompt", ["", ",,!"], ids=["empty", "punctuation"])
def test_a_prompt_without_words_is_painted_and_explained(tiny_sdxl, say, prompt):
    method = AccDiffusion(prompts=say)
    sizes = {"height": 384, "width": 512, "num_inference_steps": 2}
    request = toy_request(method, model=tiny_sdxl, prompt=prompt, **sizes)
    maps = 0
    for event in events(request):
        if isinstance(event, StageDone):
            assert event.result.latents.isfinite().all()
            assert event.explain is not None
            maps += len(event.explain().maps)
    assert (maps == 0) == (prompt == "")
