"""The tokenizer: byte-level pair encoding in which every word of the world is one token."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from muralist.shapes.scene import vocabulary

LENGTH = 77  # tokens, CLIP's
END = "</w>"


def new_tokenizer() -> CLIPTokenizer:
    """A CLIP tokenizer that spells unknown words out, byte by byte if need be."""
    merges = word_merges(vocabulary())
    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(letter + END for letter in letters), *("".join(pair) for pair in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=LENGTH)


def word_merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """The pairs to merge, most frequent first, until every word is one symbol."""
    pending = [[*word[:-1], word[-1] + END] for word in words]
    merges = []
    while pending := [word for word in pending if len(word) > 1]:
        pairs = Counter(pair for word in pending for pair in pairwise(word))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        pending = [_merge(word, best) for word in pending]
    return merges


def _merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    position = 0
    while position < len(word):
        step = 2 if tuple(word[position : position + 2]) == pair else 1
        merged.append("".join(word[position : position + step]))
        position += step
    return merged
