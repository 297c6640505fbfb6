"""After the ranks: why each suspect pair is one, and what causes most of the noise."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from app.core.models import RunPhase
from app.core.repositories.checks import checks_summary, foreign_languages
from app.core.repositories.features import StoredFeatures, image_ids, pair_sources
from worker.pipeline.features import caption_texts
from worker.pipeline.repairing import ProposedRepairs, repair_spec
from worker.pipeline.training import Trained
from worker.pipeline.workspace import RunWork
from worker.supervisor import Message


@dataclass(frozen=True)
class PairReason:
    """What a report row tells of a suspect pair; the fields are the row's columns."""

    reason_code: str
    evidence: dict[str, Any]  # Any: JSON
    best_caption: str | None
    best_caption_correspondence: float | None
    repair_image_id: uuid.UUID | None

    def columns(self) -> tuple[Any, ...]:  # Any: the fields' own types
        """The fields in their order; the evidence stays what it is."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class Explained:
    """What the stage `report` found.

    Attributes:
        repairs: what the corpus itself offers.
        reasons: by pair ordinal; pairs that are not suspect are not in it.
        n_by_reason: flagged pairs by reason code.
        causes: groups of pairs, JSON, the one that explains most first.
        caption_places: (N,) where each caption stands among those of its image, 1 = the best; None where no held-out
            model can tell.
    """

    repairs: ProposedRepairs
    reasons: dict[int, PairReason]
    n_by_reason: dict[str, int]
    causes: list[dict[str, Any]]  # Any: JSON
    caption_places: npt.NDArray[np.int64] | None


def explain_report(work: RunWork, features: StoredFeatures, trained: Trained) -> Explained:
    """Propose repairs of the findings that the phase `report` has just ranked, and explain them.

    Raises:
        StageInterruptedError: the stage's process died; the job may be tried again.
    """
    settings = work.handle.context.settings
    sources = work.folder / "pair_sources.jsonl"
    languages = work.folder / "caption_languages.json"
    images = work.handle.transaction(lambda session: _write_sources(work, session, sources))
    work.handle.transaction(lambda session: _write_languages(work, session, languages))
    result = work.run(
        "report",
        {
            **repair_spec(work, features),
            "out": str(work.folder),
            "texts": str(caption_texts(work)),
            "sources": str(sources),
            "languages": str(languages),
            "threshold": trained.calibration.threshold_of(work.config),
            "round_epochs": list(trained.round_epochs),
            "warmup_epochs": trained.warmup_epochs,
            "momentum": work.config.momentum,
            "encoder": work.config.encoder or settings.default_encoder,
            "encoders": settings.encoders,
            "cache": str(settings.data.resolve() / "cache"),
            "word_captions": settings.word_captions,
        },
        lambda message: _heard(work, message),
    )
    reasons = dict(_read_reasons(work.folder / "reasons.jsonl", images))
    repairs = ProposedRepairs.read(work.folder / "repairs.npz")
    places = work.folder / "caption_places.npy"
    return Explained(
        repairs, reasons, result["reasons"], result["causes"], np.load(places) if places.exists() else None
    )


def _write_sources(work: RunWork, session: Session, path: Path) -> list[uuid.UUID]:
    """Write the pairs' paths and extra columns, a JSON list a line, and return the ids of the images by ordinal."""
    with path.open("w", encoding="utf-8") as file:
        for source in pair_sources(session, work.version.id):
            file.write(json.dumps(source) + "\n")
    return list(image_ids(session, work.version.id))


def _write_languages(work: RunWork, session: Session, path: Path) -> None:
    """Write the language of each distinct caption, a JSON list: the corpus's main one unless it clearly is another."""
    summary = checks_summary(session, work.version.id) or {}
    thresholds = {check["issue"]: check["threshold"] for check in summary.get("captions", ())}
    foreign = foreign_languages(session, work.version.id, below=thresholds.get("wrong_language", 0.0))
    main = summary.get("main_language")
    path.write_text(json.dumps([language or main for language in foreign]), encoding="utf-8")


def _heard(work: RunWork, message: Message) -> None:
    if message["kind"] == "explain":
        work.tell(RunPhase.REPORT, message["share"])
    else:
        work.handle.event(message["kind"], {"detail": message["detail"]})


def _read_reasons(path: Path, images: list[uuid.UUID]) -> Iterator[tuple[int, PairReason]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            yield (
                row["pair"],
                PairReason(
                    reason_code=row["reason_code"],
                    evidence=_with_ids(row["evidence"], images),
                    best_caption=row["best_caption"],
                    best_caption_correspondence=row["best_caption_correspondence"],
                    repair_image_id=None if row["repair_image"] is None else images[row["repair_image"]],
                ),
            )


def _with_ids(evidence: dict[str, Any], images: list[uuid.UUID]) -> dict[str, Any]:  # Any: JSON
    """The evidence with the ids of images, for their ordinals mean nothing outside the worker."""
    told = {name: value for name, value in evidence.items() if name != "image"}
    if "image" in evidence:
        told["image_id"] = str(images[evidence["image"]])
    if "runner_up" in evidence:
        told["runner_up"] = _with_ids(evidence["runner_up"], images)
    return told
