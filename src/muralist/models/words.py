"""Texts as tokenizers cut them and text encoders say them, for the Stable Diffusion families."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Protocol

from muralist.errors import BadRequest
from muralist.models.prompt import Prompt, Said
from muralist.query import Cond, Text, Token

__all__ = ["Saying", "check_words", "dropped", "text"]


class Encoder(Protocol):
    """What is needed of a model to encode a text."""

    @property
    def pipe(self) -> Any: ...

    def encode(self, prompt: Prompt) -> tuple[Cond, Cond]: ...


class Saying:
    """Texts as a model encodes them, each once for as long as this is kept, told as `prompt` is.

    Another process, where a pickled one goes, encodes for itself what is said there.
    """

    def __init__(self, model: Encoder, prompt: Prompt) -> None:
        self._model, self._prompt = model, prompt
        self._said: dict[str, Cond] = {}

    def __call__(self, text: str) -> Cond:
        if text not in self._said:
            self._said[text], _ = self._model.encode(self._prompt.with_words(text))
        return self._said[text]

    def __reduce__(self) -> tuple:
        return Saying, (self._model, self._prompt.with_words(""))


def text(model: Encoder, prompt: Prompt) -> Text | None:
    """The prompt as the first tokenizer cuts it; None of one that is given as embeddings.

    CLIP's tokens mark the ends of words. Several embeddings learnt for one word (textual inversion)
    are one word, and the first of them has its text: the pipeline adds the others again.
    """
    if prompt.prompt_embeds is not None:
        return None
    tokenizer, added = model.pipe.tokenizer, model.pipe.tokenizer.added_tokens_encoder
    ids = _ids(model.pipe, tokenizer, prompt.prompt)[: tokenizer.model_max_length - 2]
    pieces = tokenizer.convert_ids_to_tokens(ids)
    pairs = pairwise(["", *pieces])
    more = [piece in added and _goes_on(before, piece) for before, piece in pairs] + [False]
    tokens = tuple(
        Token(
            "" if more[at] else tokenizer.decode([one]).strip(),
            not more[at + 1] and (piece.endswith("</w>") or piece in added),
        )
        for at, (one, piece) in enumerate(zip(ids, pieces, strict=True))
    )
    return Text(tokens, Saying(model, prompt))


def _goes_on(before: str, piece: str) -> bool:
    """Whether a piece is the next embedding of the same word: `<cat>`, `<cat>_1`, `<cat>_2`."""
    word, _, number = piece.rpartition("_")
    return number.isdecimal() and before == (word if number == "1" else f"{word}_{int(number) - 1}")


def _ids(pipe: Any, tokenizer: Any, text: str) -> list[int]:
    """The tokens of a text as the pipeline encodes it, without those that begin and end."""
    converted = pipe.maybe_convert_prompt(text, tokenizer)
    return tokenizer(converted, add_special_tokens=False, verbose=False).input_ids


def dropped(pipe: Any, said: Iterable[Said]) -> dict[str, str]:
    """By the names of texts, the words that do not fit between the start and the end token.

    Of a text for several tokenizers, what does not fit one of them.
    """
    found: dict[str, str] = {}
    for name, text, tokenizer in said:
        found[name] = max(found.get(name, ""), _beyond(pipe, tokenizer, text), key=len)
    return {name: words for name, words in found.items() if words}


def _beyond(pipe: Any, tokenizer: Any, text: str) -> str:
    words = text.split()
    room = tokenizer.model_max_length - 2

    def tokens(count: int) -> int:
        return len(_ids(pipe, tokenizer, " ".join(words[:count])))

    fitting = bisect_right(range(1, len(words) + 1), room, key=tokens)
    return " ".join(words[fitting:])


def check_words(pipe: Any, prompt: Prompt) -> None:
    """Raises `BadRequest` for more layers skipped than there are, and for words nobody encodes.

    Also for embeddings that are longer than the text they are to be led away from can be.
    """
    zeros = prompt.negative_prompt is None and pipe.config.get("force_zeros_for_empty_prompt")
    led = prompt.negative_prompt_embeds is not None or zeros
    names = [name for name in ("text_encoder", "text_encoder_2") if hasattr(pipe, name)]
    encoders = [getattr(pipe, name) for name in names]
    if None in encoders:
        if prompt.prompt_embeds is not None and led:
            return
        raise BadRequest(
            f"the pipeline has no {names[encoders.index(None)]}; give prompt_embeds and"
            " negative_prompt_embeds instead of texts"
        )
    if prompt.prompt_embeds is not None and not led:
        count, room = prompt.prompt_embeds.shape[1], pipe.tokenizer.model_max_length
        if count > room:
            raise BadRequest(
                f"the prompt has {count} tokens, and what guidance leads away from {room}; give"
                " prompt_embeds and negative_prompt_embeds of the same length"
            )
    most = min(each.config.num_hidden_layers for each in encoders) - (len(encoders) - 1)
    if prompt.clip_skip is not None and prompt.clip_skip > most:
        raise BadRequest(f"clip_skip is {prompt.clip_skip}; this model has layers for 0 to {most}")
