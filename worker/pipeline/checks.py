"""The checks beside mismatch: once for each corpus version, by the first run of it."""

import math

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from app.core.repositories.checks import add_checks, has_checks, images_a_caption, paths_an_image
from app.core.repositories.features import StoredFeatures
from app.core.repositories.jobs import append_event
from worker.pipeline.features import caption_texts, fetch_features, image_measures
from worker.pipeline.workspace import RunWork


def ensure_checks(work: RunWork, features: StoredFeatures) -> None:
    """Check the images and captions of the run's corpus version, unless an earlier run has.

    Near-duplicate captions are sought by the vectors of that first run's encoder. Images were measured while the
    phase `features` decoded them; where it had nothing to decode, they are decoded for this alone.

    Raises:
        JobFailedError, StageInterruptedError: see `RunWork.run`.
    """
    if work.handle.transaction(lambda session: has_checks(session, work.version.id)):
        return
    counts = work.folder / "item_counts.npz"
    work.handle.transaction(
        lambda session: np.savez(
            counts,
            n_paths=np.array(paths_an_image(session, work.version.id), dtype=np.int64),
            n_images=np.array(images_a_caption(session, work.version.id), dtype=np.int64),
        )
    )
    settings = work.handle.context.settings
    _, vectors = fetch_features(work, features)
    result = work.run(
        "checks",
        {
            "storage_url": settings.storage_url,
            "objects": str(settings.data.resolve() / "objects"),
            "images": str(work.folder / "image_places.npz"),
            "image_measures": str(image_measures(work)),
            "captions": str(caption_texts(work)),
            "caption_vectors": None if vectors is None else str(vectors),
            "counts": str(counts),
            "out": str(work.folder),
        },
        lambda _message: None,
    )
    summary = result["summary"]

    def write(session: Session) -> None:
        # The event checks the fence in the same transaction.
        warnings = [warning["code"] for warning in summary["warnings"]]
        append_event(session, work.handle.claim, "checks", {"warnings": warnings})
        with np.load(work.folder / "checks.npz", allow_pickle=False) as found:
            images = zip(_scores(found["images"]), _sets(found["image_sets"]), strict=True)
            languages = (str(language) or None for language in found["languages"])
            captions = zip(_scores(found["captions"]), _sets(found["caption_sets"]), languages, strict=True)
            add_checks(session, work.handle.claim, work.version.id, summary=summary, images=images, captions=captions)

    work.handle.transaction(write)


def _scores(scores: npt.NDArray[np.float32]) -> list[list[float | None]]:
    return [[None if math.isnan(value) else value for value in row] for row in scores.tolist()]


def _sets(sets: npt.NDArray[np.int64]) -> list[int | None]:
    return [None if number < 0 else number for number in sets.tolist()]
