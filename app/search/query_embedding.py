"""From a query to a vector in the joint space of a run's model."""

import unicodedata
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.core.errors import InvalidPayloadError, WrongStateError

if TYPE_CHECKING:
    from crcl_core.data import Vocabulary
    from crcl_core.encoders import Encoder
    from crcl_core.models import EmbeddingModel

Query = str | Image.Image

_MAX_WORDS_TOLD = 5


@final
class OpenEncoder:
    """An encoder and its lock: tokenizers refuse to be used by two threads at once."""

    def __init__(self, encoder: "Encoder") -> None:
        self.encoder = encoder
        self.lock = Lock()


@dataclass(frozen=True, eq=False)
class EmbeddedQuery:
    """A query where the index can find its neighbours.

    Attributes:
        vector: (1, J) float32, L2-normalised.
        unknown_words: of a text, those that the model does not know and reads as nothing in particular.
    """

    vector: npt.NDArray[np.float32]
    unknown_words: tuple[str, ...] = ()


def region_or_vector_fingerprint(encoder: "Encoder", n_grid_regions: int | None) -> str | None:
    """What a run with these features records of its encoder; None where this one cannot make such regions."""
    from crcl_core.types import EncoderError

    if n_grid_regions is None:
        return encoder.fingerprint
    try:
        return encoder.region_fingerprint(n_grid_regions)
    except (ValueError, EncoderError):
        return None


def embed_by_encoder(
    opened: OpenEncoder, model: "EmbeddingModel", query: Query, n_grid_regions: int | None
) -> EmbeddedQuery:
    """Embed what the run's encoder reads first: an image, or the text of a model of vectors.

    Raises:
        WrongStateError: `modality_unsupported`.
    """
    from crcl_core.encoders import Modality
    from crcl_core.training import embed_captions, embed_images
    from crcl_core.types import ModalityUnsupportedError

    encoder = opened.encoder
    modality = Modality.CAPTION if isinstance(query, str) else Modality.IMAGE
    if not encoder.supports(modality):
        raise _unsupported(encoder.name, modality)
    try:
        with opened.lock:
            if isinstance(query, str):
                return EmbeddedQuery(embed_captions(model, encoder.encode_captions([query])))
            if n_grid_regions is None:
                return EmbeddedQuery(embed_images(model, encoder.encode_images([query])))
            prepared = encoder.prepare_image(query)[None]
            return EmbeddedQuery(embed_images(model, encoder.encode_prepared_regions(prepared, n_grid_regions)))
    except ModalityUnsupportedError as error:
        raise _unsupported(encoder.name, modality) from error


def embed_words(model: "EmbeddingModel", vocabulary: "Vocabulary", text: str) -> EmbeddedQuery:
    """Embed text by a model that reads words itself.

    Raises:
        InvalidPayloadError: `no_known_word`: whatever the model answered would be by chance.
    """
    from crcl_core.data import split_words
    from crcl_core.data.vocabulary import UNKNOWN_ID
    from crcl_core.training import embed_captions

    ids = vocabulary.encode([text])  # (1, T): the mark of the start, the words that a caption may have, that of the end
    is_known = {
        word: number != UNKNOWN_ID
        for word, number in zip(split_words(text), ids[0, 1:-1].tolist(), strict=False)
        if _is_word(word)
    }
    unknown = tuple(word for word in is_known if not is_known[word])
    if not any(is_known.values()):
        raise _no_known_word(text, unknown)
    return EmbeddedQuery(embed_captions(model, ids), unknown)


def _is_word(word: str) -> bool:
    """Whether it can say what is looked for: letters, digits or a picture such as an emoji, not punctuation alone."""
    return any(character.isalnum() or unicodedata.category(character) == "So" for character in word)


def _no_known_word(text: str, unknown: tuple[str, ...]) -> InvalidPayloadError:
    if not unknown:
        return InvalidPayloadError(f"text: {text[:100]!r} holds no word to look for", code="no_known_word")
    told = ", ".join(repr(word[:40]) for word in unknown[:_MAX_WORDS_TOLD])
    more = f" and {len(unknown) - _MAX_WORDS_TOLD} more" if len(unknown) > _MAX_WORDS_TOLD else ""
    return InvalidPayloadError(
        f"text: the run's model knows none of its words ({told}{more}); it knows those that the captions of its corpus "
        "use often enough",
        code="no_known_word",
    )


def _unsupported(name: str, modality: str) -> WrongStateError:
    return WrongStateError(
        f"encoder {name!r} cannot embed a query that is {'text' if modality == 'caption' else 'an image'}; search by "
        "the other kind",
        code="modality_unsupported",
    )
