"""The one door from the service to crcl_core: a query through a run's trained model into its index.

crcl_core brings torch, which takes seconds and hundreds of megabytes; it is imported by the first search and not with
the application.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt
import structlog

from app.core.errors import AppError, UnavailableError, WrongStateError
from app.core.storage import Storage
from app.search.held import Held
from app.search.pair_table import PairCondition, PairTable, Returns
from app.search.query_embedding import (
    EmbeddedQuery,
    OpenEncoder,
    Query,
    embed_by_encoder,
    embed_words,
    region_or_vector_fingerprint,
)

if TYPE_CHECKING:
    from crcl_core.data import Vocabulary
    from crcl_core.models import EmbeddingModel
    from crcl_core.retrieval import VectorIndex

log = structlog.get_logger()

_INDEX_HEADER = "index.json"  # names the other file of an index, so that a remote store can be asked for both
_MAX_PAIRS_OF_HIT = 50


@dataclass(frozen=True)
class SearchableRun:
    """A published run: where its artefacts lie and which encoder made its features.

    Attributes:
        encoder_fingerprint: of the encoder, or of its regions where the run's model reads those.
        n_grid_regions: how many, the global one not counted; None where the model reads the encoder's vectors.
    """

    id: uuid.UUID
    artefact_prefix: str
    encoder: str
    encoder_fingerprint: str
    n_grid_regions: int | None = None


@dataclass(frozen=True)
class EngineHit:
    """One hit.

    Attributes:
        score: cosine similarity in [-1, 1].
        ordinal: of the image, or of the distinct caption.
        pairs: ordinals of its pairs that pass the condition, ascending, at most 50.
        n_pairs: how many pass.
    """

    score: float
    ordinal: int
    pairs: tuple[int, ...]
    n_pairs: int


@dataclass(frozen=True)
class EngineAnswer:
    """What a search found.

    Attributes:
        hits: best first.
        unknown_words: of a text, those that the run's model does not know, where it reads words itself.
    """

    hits: tuple[EngineHit, ...]
    unknown_words: tuple[str, ...] = ()


class DamagedArtefactError(AppError):
    """A file of a published run is missing or not what was written."""

    code = "damaged_artefact"
    title = "Damaged artefact"


@final
@dataclass(frozen=True)
class _OpenRun:
    """What a search of one run needs, opened. A model of words has a vocabulary, one of vectors has none."""

    model: "EmbeddingModel"
    vocabulary: "Vocabulary | None"
    indexes: Mapping[Returns, "VectorIndex"]
    pairs: PairTable

    def nearest(
        self, vector: npt.NDArray[np.float32], returns: Returns, k: int, condition: PairCondition
    ) -> tuple[EngineHit, ...]:
        """The k nearest to a vector, (1, D), that have at least one pair that passes, best first."""
        index, groups = self.indexes[returns], self.pairs.groups(returns)
        passing = self.pairs.passing(condition)
        allowed = None if passing is None else groups.with_any(passing, index.n)
        scores, ordinals = index.search(vector, k, allowed)
        hits = []
        for score, ordinal in zip(scores[0].tolist(), ordinals[0].tolist(), strict=True):
            if ordinal < 0:
                break  # fewer than k are allowed
            pairs = groups.members(ordinal, passing)
            hits.append(EngineHit(score, ordinal, tuple(pairs[:_MAX_PAIRS_OF_HIT].tolist()), len(pairs)))
        return tuple(hits)


@final
class SearchEngine:
    """Searches published runs. Safe to use from many threads.

    Args:
        storage: where the artefacts lie.
        encoders: registered name = specification.
        cache_dir: where encoders keep what they make once.
        device: `auto` means the processor here: one query is quick on it, and a training may hold the accelerator.
        threads: processor threads of an encoder; 0 = the library's choice.
        n_runs_held: how many runs to keep open.
    """

    def __init__(
        self,
        *,
        storage: Storage,
        encoders: Mapping[str, str],
        cache_dir: Path,
        device: str,
        threads: int,
        n_runs_held: int,
    ) -> None:
        self._storage = storage
        self._specs = encoders
        self._cache_dir = cache_dir
        self._device = "cpu" if device == "auto" else device
        self._threads = threads
        self._runs: Held[str, _OpenRun] = Held(n_runs_held)
        self._encoders: Held[str, OpenEncoder] = Held(max(1, len(encoders)))

    def search(
        self, run: SearchableRun, query: Query, *, returns: Returns, k: int, condition: PairCondition
    ) -> EngineAnswer:
        """The k nearest images or distinct captions that have at least one pair that passes, best first.

        Raises:
            WrongStateError: `modality_unsupported`, `encoder_unregistered` or `encoder_changed`.
            InvalidPayloadError: `no_known_word`.
            UnavailableError: the encoder cannot be loaded here.
            DamagedArtefactError: a file of the run cannot be read.
        """
        # A model of words needs no encoder for a text, so that is found even when the encoder is gone.
        needs_encoder = run.n_grid_regions is None or not isinstance(query, str)
        encoder = self._encoder_of(run) if needs_encoder else None
        open_run = self._runs.get(run.artefact_prefix, lambda: self._open(run))
        embedded = _embed(encoder, open_run, query, run.n_grid_regions)
        return EngineAnswer(open_run.nearest(embedded.vector, returns, k, condition), embedded.unknown_words)

    def neighbours(
        self, run: SearchableRun, pair: int, *, of: Returns, returns: Returns, k: int
    ) -> tuple[EngineHit, ...]:
        """The k nearest images or distinct captions to the image or to the caption of a pair, itself left out.

        It needs no encoder: the vector is the index's own.

        Args:
            run: where to look.
            pair: its ordinal.
            of: whether the neighbours of its image or of its caption are wanted.
            returns: what they are.
            k: at most so many.

        Raises:
            DamagedArtefactError: a file of the run cannot be read.
        """
        open_run = self._runs.get(run.artefact_prefix, lambda: self._open(run))
        item = open_run.pairs.group_of_pair(of, pair)
        is_same_kind = of is returns
        hits = open_run.nearest(
            open_run.indexes[of].vectors(np.array([item])), returns, k + int(is_same_kind), PairCondition(0.0)
        )
        others = [hit for hit in hits if not (is_same_kind and hit.ordinal == item)]
        return tuple(others[:k])

    def _encoder_of(self, run: SearchableRun) -> OpenEncoder:
        if run.encoder not in self._specs:
            raise WrongStateError(
                f"run {run.id} used encoder {run.encoder!r}, which is not registered here any more; registered: "
                f"{', '.join(sorted(self._specs))}",
                code="encoder_unregistered",
            )
        opened = self._encoders.get(run.encoder, lambda: self._load_encoder(run.encoder))
        fingerprint = region_or_vector_fingerprint(opened.encoder, run.n_grid_regions)
        if fingerprint != run.encoder_fingerprint:
            found = f"its fingerprint is {fingerprint}, the run's is {run.encoder_fingerprint}"
            if fingerprint is None:
                found = f"it cannot divide an image into {run.n_grid_regions} regions"
            raise WrongStateError(
                f"encoder {run.encoder!r} is not the one that run {run.id} used: {found}; clean the corpus again",
                code="encoder_changed",
            )
        return opened

    def _load_encoder(self, name: str) -> OpenEncoder:
        from crcl_core.encoders import load_encoder
        from crcl_core.types import EncoderError

        try:
            encoder = load_encoder(
                name, self._specs, cache_dir=self._cache_dir, device=self._device, threads=self._threads
            )
        except EncoderError as error:
            log.warning("search.encoder_not_loaded", encoder=name, error=str(error))
            raise UnavailableError(
                f"encoder {name!r} cannot be loaded by this server; its log says why", code="encoder_unavailable"
            ) from error
        log.info("search.encoder_loaded", encoder=name, fingerprint=encoder.fingerprint)
        return OpenEncoder(encoder)

    def _open(self, run: SearchableRun) -> _OpenRun:
        from crcl_core.training import load_model

        prefix = run.artefact_prefix
        with _damage_told(run):
            saved = load_model(self._storage.local_path(f"{prefix}/model.safetensors"))
            if saved.spec.kind.reads_regions != (run.n_grid_regions is not None):
                raise ValueError(f"its model is {saved.spec.kind.value!r}, which its configuration does not say")
            opened = _OpenRun(
                model=saved.embedding_model,
                vocabulary=saved.vocabulary,
                indexes={returns: self._open_index(f"{prefix}/index/{returns}") for returns in Returns},
                pairs=PairTable.read(self._storage.local_path(f"{prefix}/pairs.npz")),
            )
        log.info("search.run_opened", run_id=str(run.id))
        return opened

    def _open_index(self, prefix: str) -> "VectorIndex":
        from crcl_core.retrieval import open_index

        header = self._storage.local_path(f"{prefix}/{_INDEX_HEADER}")
        self._storage.local_path(f"{prefix}/{json.loads(header.read_bytes())['file']}")
        return open_index(header.parent)


@contextmanager
def _damage_told(run: SearchableRun) -> Iterator[None]:
    from crcl_core.types import CrclError

    try:
        yield
    except (CrclError, OSError, ValueError, KeyError) as error:
        raise DamagedArtefactError(f"an artefact of run {run.id} cannot be read: {error}") from error


def _embed(encoder: OpenEncoder | None, opened: _OpenRun, query: Query, n_grid_regions: int | None) -> EmbeddedQuery:
    if encoder is not None:
        return embed_by_encoder(encoder, opened.model, query, n_grid_regions)
    assert isinstance(query, str)
    assert opened.vocabulary is not None
    return embed_words(opened.model, opened.vocabulary, query)
