"""Which words of the suspect captions are not in their images, by the model that the run serves."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crcl_core.encoders import load_encoder
from crcl_core.explanation import Evidence, Explanation, ReasonCode, WordedPair, leave_words_out
from crcl_core.training import load_model
from crcl_core.training.embedding import embed_captions
from crcl_core.types import EncoderError, FloatArray, IntArray
from worker.stages.explain_progress import ExplainProgress
from worker.trainer import Spec, Tell

# Pairs with one of these reasons are looked at first, for they have no better one; those of the second kind get a
# runner-up. Of a pair with any other reason the words say nothing.
_FIRST = {ReasonCode.UNCERTAIN, ReasonCode.NO_MATCH}
_SECOND = {ReasonCode.BETTER_CAPTION, ReasonCode.BETTER_IMAGE}


def evidence_of_words(
    spec: Spec,
    tell: Tell,
    explanations: Sequence[Explanation],
    captions: Sequence[str],
    image_index: IntArray,
    caption_index: IntArray,
    *,
    begins: float,
) -> dict[int, Evidence]:
    """Leaves words out of captions, as many as are allowed, where that says most.

    First come pairs without a stronger reason, and of those the ones whose cosine is highest: where most of a caption
    fits, a word that does not stands out, while of a caption from another image it is no word in particular.

    Args:
        spec: `out` with `model.safetensors` and its embeddings; `word_captions`, how many captions may be encoded;
            `encoder`, `encoders`, `cache`, `device`, `n_threads`, for models that read an encoder's caption vectors.
        tell: hears of an encoder that cannot be loaded; then there is no such evidence.
        explanations: what else was found.
        captions: C, the distinct ones.
        image_index: (N,).
        caption_index: (N,).
        begins: which share of the stage is done.
    """
    out, n_allowed = Path(spec["out"]), int(spec["word_captions"])
    wanted = [found for found in explanations if found.reason.code in _FIRST | _SECOND]
    if not wanted or not n_allowed:
        return {}
    images = np.load(out / "image_embeddings.npy", mmap_mode="r")
    served = np.load(out / "caption_embeddings.npy", mmap_mode="r")
    pairs = np.array([found.pair for found in wanted], dtype=np.int64)
    cosines = np.einsum("nj,nj->n", images[image_index[pairs]], served[caption_index[pairs]])  # n pair, j dimension
    is_second = np.array([found.reason.code in _SECOND for found in wanted])
    # A caption takes three texts at least, so more pairs than this are never reached.
    order = np.lexsort((-cosines, is_second))[: n_allowed // 3]
    try:
        embedder = _Embedder(spec)
    except EncoderError as error:
        tell({"kind": "words_skipped", "detail": str(error)})
        return {}
    worded = [WordedPair(int(pair), captions[caption_index[pair]], images[image_index[pair]]) for pair in pairs[order]]
    progress = ExplainProgress(tell, len(worded), begins=begins, ends=1.0)
    return dict(leave_words_out(worded, embedder, max_captions=n_allowed, on_pair=progress.add))


class _Embedder:
    """Texts as the served model embeds them: through its vocabulary, or through the encoder whose vectors it reads."""

    def __init__(self, spec: Spec) -> None:
        saved = load_model(Path(spec["out"]) / "model.safetensors")
        self._model, self._vocabulary, self._device = saved.embedding_model, saved.vocabulary, spec["device"]
        self._encoder = (
            None
            if self._vocabulary is not None
            else load_encoder(
                spec["encoder"],
                spec["encoders"],
                cache_dir=Path(spec["cache"]),
                device=spec["device"],
                threads=spec["n_threads"],
            )
        )

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        if self._vocabulary is not None:
            return embed_captions(self._model, self._vocabulary.encode(texts), device=self._device)
        assert self._encoder is not None
        return embed_captions(self._model, self._encoder.encode_captions(list(texts)), device=self._device)
