"""Word pieces of captions, cut to length and packed into batches that carry little padding."""

from collections.abc import Iterator, Sequence
from typing import final

import numpy as np
from tokenizers import Tokenizer

from crcl_core.encoders.pinned_weights import PinnedFile
from crcl_core.types import IntArray

MAX_TOKENS = 128
"""Word pieces kept of a caption, the two marks around it included: what MiniLM was trained with."""

# Ids of this many captions are held at a time; sorting by length works within them.
_WINDOW = 16_384


@final
class CaptionTokens:
    """A tokenizer that yields batches of captions of similar length.

    Args:
        source: The pinned `tokenizer.json`.

    Raises:
        EncoderError: The file is missing or not the pinned one.
    """

    def __init__(self, source: PinnedFile) -> None:
        self._tokenizer = Tokenizer.from_file(str(source.verified_path()))
        # The file asks for padding to 128 always; batches pad to their own longest caption instead.
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=MAX_TOKENS)

    def batches(self, captions: Sequence[str], batch_size: int) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
        """Split captions into batches, similar lengths together.

        Args:
            captions: Any text; what UTF-8 cannot hold (a lone surrogate) is read as a question mark.
            batch_size: Most captions in a batch.

        Yields:
            Positions (B,) into `captions`, ids (B, T) and mask (B, T), 1 on a real word piece; all int64.
        """
        for start in range(0, len(captions), _WINDOW):
            ids = self._ids(captions[start : start + _WINDOW])
            order = np.argsort([len(row) for row in ids], kind="stable")
            for first in range(0, len(order), batch_size):
                chosen = order[first : first + batch_size]
                padded, mask = _pad([ids[position] for position in chosen])
                yield chosen + start, padded, mask

    def _ids(self, captions: Sequence[str]) -> list[list[int]]:
        readable = [caption.encode("utf-8", "replace").decode("utf-8") for caption in captions]
        # One by one is as fast as the tokenizer's own batches (26 us a caption), which would start a pool of threads
        # that a later fork cannot inherit.
        return [self._tokenizer.encode(caption).ids for caption in readable]


def _pad(rows: list[list[int]]) -> tuple[IntArray, IntArray]:
    ids = np.zeros((len(rows), max(len(row) for row in rows)), dtype=np.int64)
    mask = np.zeros_like(ids)
    for position, row in enumerate(rows):
        ids[position, : len(row)] = row
        mask[position, : len(row)] = 1
    return ids, mask
