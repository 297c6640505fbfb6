"""Stage `certify`: one recipe on the raw, the cleaned and a randomly thinned corpus, as a certificate and its chart."""

import json
from pathlib import Path
from typing import Any, final

import numpy as np
import torch

from crcl_core.certification import DEFAULT_SEEDS, Arm, Certificate, CertificationProgress, certify, draw_chart
from crcl_core.data import PairFeatures
from crcl_core.detection import detect_mismatches, out_of_fold_epochs
from crcl_core.training import TrainingConfig
from crcl_core.types import BoolArray, NotCertifiableError
from worker.stages.training_features import load_features
from worker.trainer import Spec, Tell

CERTIFICATE, CHART = "certificate.json", "certificate.svg"

# Of a seed's time; what is left are its three short trainings.
_DETECTING = 0.8


def certify_corpus(spec: Spec, tell: Tell) -> dict[str, Any]:  # Any: JSON
    """Write `certificate.json` and `certificate.svg` into `out`, unless there is nothing to certify.

    Args:
        spec: what `load_features` reads, its `pairs` with the `correspondence` of each; `threshold`, the report's;
            `config`, `method` and `fdr`, as the stage `train` takes them, and `chosen_threshold`, or None for the one
            that follows: each seed's cleaning is made anew without the pairs that it holds out; `has_joint_space`,
            `device`, `n_threads`; `about`, what the certificate says of the run that it belongs to; `out`.
        tell: gets a `certifying` message after each epoch or model, with the `share` of the stage that is done.

    Returns:
        `verdict` and `r_sum`, the mean of each arm; or `refusal`, its `code` and `detail`.
    """
    torch.set_num_threads(max(int(spec["n_threads"]), 1))
    features, _ = load_features(spec)
    with np.load(spec["pairs"], allow_pickle=False) as pairs:
        correspondence = pairs["correspondence"]
    told = _Detecting(spec, tell)
    try:
        certificate = certify(
            features,
            correspondence,
            spec["threshold"],
            detect=told.detect,
            seeds=DEFAULT_SEEDS,
            has_joint_space=spec["has_joint_space"],
            device=spec["device"],
            on_training=told.trained,
        )
    except NotCertifiableError as error:
        # The report is as good as it was: that nothing can be proved of it is an answer too.
        return {"verdict": None, "r_sum": None, "refusal": {"code": error.code, "detail": error.detail}}
    _write(certificate, spec["about"], Path(spec["out"]))
    r_sum = {arm.value: certificate.r_sum(arm).mean for arm in Arm}
    return {"verdict": certificate.verdict.value, "r_sum": r_sum, "refusal": None}


def _write(certificate: Certificate, about: dict[str, Any], out: Path) -> None:  # Any: JSON
    content = {**certificate.to_json(), "run": about}
    (out / CERTIFICATE).write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    (out / CHART).write_text(draw_chart(certificate), encoding="utf-8")


@final
class _Detecting:
    """Cleans a part of the corpus as the run cleaned the whole, and tells how far the stage is.

    Each seed is a cleaning and three short trainings.
    """

    def __init__(self, spec: Spec, tell: Tell) -> None:
        self._spec = spec
        self._tell = tell
        self._n_seeds_begun = 0

    def detect(self, part: PairFeatures, seed: int) -> BoolArray:
        """Flags the pairs of a part by the run's own method, settings and rule for the threshold."""
        self._n_seeds_begun += 1
        n_images = len(np.unique(part.image_index))
        config = TrainingConfig.for_corpus(part.n_pairs, n_images, **{**self._spec["config"], "seed": seed})
        n_epochs, is_plain = config.n_total_epochs, self._spec["method"] == "crcl"
        n_later = 0.0 if is_plain else out_of_fold_epochs(config)
        first = n_epochs / (n_epochs + n_later)
        findings = detect_mismatches(
            part,
            config,
            is_plain=is_plain,
            has_joint_space=self._spec["has_joint_space"],
            device=self._spec["device"],
            on_epoch=lambda report: self._say(seed, "detecting", first * report.n_done_epochs / n_epochs * _DETECTING),
            on_model=lambda n_done, n_total: self._say(
                seed, "detecting", (first + (1 - first) * n_done / n_total) * _DETECTING
            ),
        ).findings
        chosen = self._spec["chosen_threshold"]
        threshold = findings.default_threshold(self._spec["fdr"]) if chosen is None else chosen
        return findings.correspondence < np.float32(threshold)

    def trained(self, progress: CertificationProgress) -> None:
        """Tells of an epoch."""
        n_epochs = progress.n_total_epochs // len(DEFAULT_SEEDS)
        n_done = progress.n_done_epochs - (self._n_seeds_begun - 1) * n_epochs
        self._say(progress.seed, progress.arm.value, _DETECTING + (1 - _DETECTING) * n_done / n_epochs)

    def _say(self, seed: int, step: str, share_of_seed: float) -> None:
        share = (self._n_seeds_begun - 1 + share_of_seed) / len(DEFAULT_SEEDS)
        self._tell({"kind": "certifying", "seed": seed, "step": step, "share": share})
