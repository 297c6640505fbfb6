"""Phase `certify`: whether cleaning this corpus helps a training on it, where the run was asked for the proof."""

from typing import Any

from app.core.models import RunPhase
from app.core.repositories.features import StoredFeatures
from worker.pipeline.features import caption_texts, fetch_features
from worker.pipeline.training import Trained, training_settings
from worker.pipeline.workspace import RunWork
from worker.supervisor import Message

CERTIFICATE_FILES = ("certificate.json", "certificate.svg")


def certify_run(work: RunWork, features: StoredFeatures, trained: Trained) -> dict[str, Any] | None:  # Any: JSON
    """Write the certificate into the working folder; needs the `pairs.npz` that the report leaves there.

    Returns:
        What the run's summary says of it, see the stage; None where none was asked for.

    Raises:
        JobFailedError: a training diverged.
        StageInterruptedError: its process died; the job may be tried again.
    """
    if not work.config.certify:
        return None
    work.begin(RunPhase.CERTIFY)
    images, captions = fetch_features(work, features)
    result = work.run(
        "certify",
        {
            "images": str(images),
            "captions": None if captions is None else str(captions),
            "texts": str(caption_texts(work)),
            "min_word_count": work.config.min_word_count,
            "pairs": str(work.folder / "pairs.npz"),
            "threshold": trained.calibration.threshold_of(work.config),
            "chosen_threshold": work.config.threshold,
            "method": work.config.method,
            "fdr": work.config.fdr,
            "config": training_settings(work.config),
            "has_joint_space": features.joint_dim is not None,
            "about": _about(work, features),
            "out": str(work.folder),
            "n_threads": trained.n_threads,
        },
        lambda message: _heard(work, message),
    )
    return {name: result[name] for name in ("verdict", "r_sum", "refusal")}


def _about(work: RunWork, features: StoredFeatures) -> dict[str, Any]:  # Any: JSON
    return {
        "run_id": str(work.handle.claim.subject_id),
        "corpus_id": str(work.version.corpus_id),
        "corpus_version_id": str(work.version.id),
        "config": work.config.model_dump(mode="json"),
        "encoder_fingerprint": features.fingerprint,
    }


def _heard(work: RunWork, message: Message) -> None:
    told = {name: message[name] for name in ("seed", "step")}
    work.tell(RunPhase.CERTIFY, message["share"], events={"certifying": told})
