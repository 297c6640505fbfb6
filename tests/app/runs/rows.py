"""Corpora and runs put into the database and the storage directly, as a worker would have left them."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage
from sqlalchemy.orm import Session

from app.core.models import (
    Corpus,
    CorpusState,
    CorpusVersion,
    Image,
    Job,
    JobEvent,
    JobKind,
    JobState,
    Pair,
    ReportRow,
    Run,
    new_id,
)
from app.core.repositories import jobs
from app.core.run_config import RunConfig
from app.core.storage import Storage
from tests.app.images.pictures import encoded

COLOURS = ("red", "lime", "blue", "yellow", "black", "white")
FINGERPRINT = "f" * 64


@dataclass(frozen=True)
class StoredCorpus:
    """A ready corpus: its rows, images and pairs in the order of their ordinals."""

    corpus: Corpus
    version: CorpusVersion
    images: list[Image]
    pairs: list[Pair]

    @property
    def caption_index(self) -> list[int]:
        return [pair.caption_ordinal for pair in self.pairs]

    @property
    def image_index(self) -> list[int]:
        ordinals = {image.id: image.ordinal for image in self.images}
        return [ordinals[pair.image_id] for pair in self.pairs]


def store_corpus(
    session: Session,
    workspace_id: uuid.UUID,
    storage: Storage,
    captions: Sequence[Sequence[str]],
    *,
    n_accepted: int | None = None,
) -> StoredCorpus:
    """Add a ready corpus.

    Args:
        session: flushed, not committed.
        workspace_id: whose it is.
        storage: gets one shard with an image of one colour for each entry of `captions`.
        captions: of each image.
        n_accepted: what the version says; left out: the truth.
    """
    corpus = Corpus(id=new_id(), workspace_id=workspace_id, name="colours", state=CorpusState.READY)
    session.add(corpus)
    session.flush()
    n_pairs = sum(map(len, captions))
    version = CorpusVersion(
        id=new_id(),
        workspace_id=workspace_id,
        corpus_id=corpus.id,
        number=1,
        n_read=n_pairs,
        n_accepted=n_pairs if n_accepted is None else n_accepted,
        n_rejected=0,
        n_images=len(captions),
        n_captions=len({caption for group in captions for caption in group}),
    )
    session.add(version)
    session.flush()
    images = _add_images(session, version, storage, len(captions))
    pairs = _add_pairs(session, version, images, captions)
    return StoredCorpus(corpus, version, images, pairs)


def add_run(session: Session, stored: StoredCorpus, config: RunConfig | None = None) -> Run:
    """Add a queued run with its first event."""
    run_id = new_id()
    job = jobs.add_job(session, workspace_id=stored.corpus.workspace_id, kind=JobKind.RUN, subject_id=run_id)
    run = Run(
        id=run_id,
        workspace_id=stored.corpus.workspace_id,
        corpus_id=stored.corpus.id,
        corpus_version_id=stored.version.id,
        job_id=job.id,
        config=(config or RunConfig(encoder="toy", threshold=0.5)).model_dump(mode="json"),
    )
    session.add(run)
    session.flush()
    return run


def add_published_run(
    session: Session,
    stored: StoredCorpus,
    correspondence: Sequence[float],
    *,
    fingerprint: str = FINGERPRINT,
    config: RunConfig | None = None,
    summary: Mapping[str, object] | None = None,
) -> Run:
    """Add a run that is done, with a report row for each pair. Its artefacts are the caller's affair.

    Args:
        session: flushed, not committed.
        stored: its corpus.
        correspondence: by pair.
        fingerprint: of its encoder.
        config: what it was asked to do.
        summary: numbers in place of, or beside, those of `make_summary`.
    """
    run = add_run(session, stored, config)
    order = np.argsort(np.asarray(correspondence), kind="stable")
    ranks = {int(pair): rank for rank, pair in enumerate(order, start=1)}
    for pair in stored.pairs:
        value = correspondence[pair.ordinal]
        session.add(
            ReportRow(
                workspace_id=run.workspace_id,
                run_id=run.id,
                pair_id=pair.id,
                rank=ranks[pair.ordinal],
                correspondence=value,
                correspondence_label=value if value >= 0.1 else 0.0,
            )
        )
    run.summary = make_summary(stored, correspondence, fingerprint) | dict(summary or {})
    run.published_fence = 1
    run.artefact_prefix = f"runs/{run.id}/1"
    end_job(session, run.job_id, JobState.DONE)
    return run


CALIBRATED: dict[str, object] = {
    "is_calibrated": True,
    "n_decoys": 100,
    "noise_rate": 0.4,
    "noise_rate_low": 0.35,
    "noise_rate_high": 0.45,
    "reliability": "ok",
    "reliability_reason": None,
    "fdr": 0.1,
    "threshold": 0.3,
}


def make_summary(stored: StoredCorpus, correspondence: Sequence[float], fingerprint: str) -> dict[str, object]:
    """The numbers that a worker publishes."""
    values = np.asarray(correspondence, dtype=np.float32)
    return {
        "n_pairs": len(stored.pairs),
        "n_images": len(stored.images),
        "n_captions": stored.version.n_captions,
        "n_flagged": int((values < np.float32(0.5)).sum()),
        "threshold": 0.5,
        "mean_correspondence": float(values.mean()),
        "correspondence_histogram": np.histogram(values, bins=20, range=(0, 1))[0].tolist(),
        "encoder": "toy",
        "encoder_fingerprint": fingerprint,
        "round_epochs": [2, 2],
        "r_sum": None,
        "seconds_by_phase": {"features": 0.1, "train": 0.2, "report": 0.1, "index": 0.1},
        "is_calibrated": False,
    }


def add_event(session: Session, job_id: uuid.UUID, kind: str, data: dict[str, object] | None = None) -> int:
    """Append an event, as a worker does; returns its number."""
    job = session.get_one(Job, job_id)
    job.last_event_seq += 1
    session.add(
        JobEvent(workspace_id=job.workspace_id, job_id=job_id, seq=job.last_event_seq, kind=kind, data=data or {})
    )
    session.flush()
    return job.last_event_seq


def end_job(session: Session, job_id: uuid.UUID, state: JobState) -> None:
    """End a job with its terminal event."""
    add_event(session, job_id, state.value)
    job = session.get_one(Job, job_id)
    job.state, job.progress = state, 1.0
    session.flush()


def _add_images(session: Session, version: CorpusVersion, storage: Storage, n_images: int) -> list[Image]:
    key = f"versions/{version.id}/shards/00000"
    images: list[Image] = []
    with storage.writer(key) as shard:
        for ordinal in range(n_images):
            # A width of its own makes every image's bytes its own, however many there are.
            picture = PillowImage.new("RGB", (300 + ordinal, 200), COLOURS[ordinal % len(COLOURS)])
            data = encoded(picture, "PNG")
            images.append(
                Image(
                    id=new_id(),
                    workspace_id=version.workspace_id,
                    corpus_version_id=version.id,
                    ordinal=ordinal,
                    sha256=hashlib.sha256(data).digest(),
                    shard_key=key,
                    shard_offset=shard.tell(),
                    n_bytes=len(data),
                    width_px=picture.width,
                    height_px=picture.height,
                    media_type="image/png",
                    n_frames=1,
                    source_path=f"pictures/{ordinal}.png",
                )
            )
            shard.write(data)
    session.add_all(images)
    session.flush()
    return images


def _add_pairs(
    session: Session, version: CorpusVersion, images: Sequence[Image], captions: Sequence[Sequence[str]]
) -> list[Pair]:
    caption_ordinals: dict[str, int] = {}
    pairs: list[Pair] = []
    for image, group in zip(images, captions, strict=True):
        for caption in group:
            ordinal = len(pairs)
            pairs.append(
                Pair(
                    id=new_id(),
                    workspace_id=version.workspace_id,
                    corpus_version_id=version.id,
                    ordinal=ordinal,
                    pair_key=f"key-{ordinal}",
                    image_id=image.id,
                    caption_ordinal=caption_ordinals.setdefault(caption, len(caption_ordinals)),
                    caption=caption,
                    source_id=f"user-{ordinal}",
                    source_path=image.source_path,
                    row_number=ordinal + 1,
                    extra={"licence": "by"},
                )
            )
    session.add_all(pairs)
    session.flush()
    return pairs
