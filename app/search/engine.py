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
from threading import Lock
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt
import structlog
from PIL import Image

from app.core.errors import AppError, UnavailableError, WrongStateError
from app.core.storage import Storage
from app.search.held import Held
from app.search.pair_table import PairCondition, PairTable, Returns

if TYPE_CHECKING:
    from crcl_core.encoders import Encoder
    from crcl_core.models import EmbeddingModel
    from crcl_core.retrieval import VectorIndex

log = structlog.get_logger()

Query = str | Image.Image
_INDEX_HEADER = "index.json"  # names the other file of an index, so that a remote store can be asked for both
_MAX_PAIRS_OF_HIT = 50


@dataclass(frozen=True)
class SearchableRun:
    """A published run: where its artefacts lie and which encoder made its features."""

    id: uuid.UUID
    artefact_prefix: str
    encoder: str
    encoder_fingerprint: str


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


class DamagedArtefactError(AppError):
    """A file of a published run is missing or not what was written."""

    code = "damaged_artefact"
    title = "Damaged artefact"


@final
@dataclass(frozen=True)
class _OpenRun:
    """What a search of one run needs, opened."""

    model: "EmbeddingModel"
    indexes: Mapping[Returns, "VectorIndex"]
    pairs: PairTable


@final
class _OpenEncoder:
    """An encoder and its lock: tokenizers refuse to be used by two threads at once."""

    def __init__(self, encoder: "Encoder") -> None:
        self.encoder = encoder
        self.lock = Lock()


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
        self._encoders: Held[str, _OpenEncoder] = Held(max(1, len(encoders)))

    def search(
        self, run: SearchableRun, query: Query, *, returns: Returns, k: int, condition: PairCondition
    ) -> list[EngineHit]:
        """The k nearest images or distinct captions that have at least one pair that passes, best first.

        Raises:
            WrongStateError: `modality_unsupported`, `encoder_unregistered` or `encoder_changed`.
            UnavailableError: the encoder cannot be loaded here.
            DamagedArtefactError: a file of the run cannot be read.
        """
        open_encoder = self._encoder_of(run)
        open_run = self._runs.get(run.artefact_prefix, lambda: self._open(run))
        embedding = _embed(open_encoder, open_run.model, query)
        index, groups = open_run.indexes[returns], open_run.pairs.groups(returns)
        passing = open_run.pairs.passing(condition)
        allowed = None if passing is None else groups.with_any(passing, index.n)
        scores, ordinals = index.search(embedding, k, allowed)
        hits = []
        for score, ordinal in zip(scores[0].tolist(), ordinals[0].tolist(), strict=True):
            if ordinal < 0:
                break  # fewer than k are allowed
            pairs = groups.members(ordinal, passing)
            hits.append(EngineHit(score, ordinal, tuple(pairs[:_MAX_PAIRS_OF_HIT].tolist()), len(pairs)))
        return hits

    def _encoder_of(self, run: SearchableRun) -> _OpenEncoder:
        if run.encoder not in self._specs:
            raise WrongStateError(
                f"run {run.id} used encoder {run.encoder!r}, which is not registered here any more; registered: "
                f"{', '.join(sorted(self._specs))}",
                code="encoder_unregistered",
            )
        opened = self._encoders.get(run.encoder, lambda: self._load_encoder(run.encoder))
        if opened.encoder.fingerprint != run.encoder_fingerprint:
            raise WrongStateError(
                f"encoder {run.encoder!r} is not the one that run {run.id} used: its fingerprint is "
                f"{opened.encoder.fingerprint}, the run's is {run.encoder_fingerprint}; clean the corpus again",
                code="encoder_changed",
            )
        return opened

    def _load_encoder(self, name: str) -> _OpenEncoder:
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
        return _OpenEncoder(encoder)

    def _open(self, run: SearchableRun) -> _OpenRun:
        from crcl_core.training import load_model

        prefix = run.artefact_prefix
        with _damage_told(run):
            opened = _OpenRun(
                model=load_model(self._storage.local_path(f"{prefix}/model.safetensors")).embedding_model,
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


def _embed(opened: _OpenEncoder, model: "EmbeddingModel", query: Query) -> npt.NDArray[np.float32]:
    """The query in the run's joint space, (1, J), L2-normalised."""
    from crcl_core.encoders import Modality
    from crcl_core.training import embed_captions, embed_images
    from crcl_core.types import ModalityUnsupportedError

    modality = Modality.CAPTION if isinstance(query, str) else Modality.IMAGE
    encoder = opened.encoder
    if not encoder.supports(modality):
        raise _unsupported(encoder.name, modality)
    try:
        with opened.lock:
            if isinstance(query, str):
                return embed_captions(model, encoder.encode_captions([query]))
            return embed_images(model, encoder.encode_images([query]))
    except ModalityUnsupportedError as error:
        raise _unsupported(encoder.name, modality) from error


def _unsupported(name: str, modality: str) -> WrongStateError:
    return WrongStateError(
        f"encoder {name!r} cannot embed a query that is {'text' if modality == 'caption' else 'an image'}; search by "
        "the other kind",
        code="modality_unsupported",
    )
