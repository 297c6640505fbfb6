"""Stage `checks`: the images and captions of a corpus version, each taken alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from app.core.storage import open_storage
from crcl_core.checks import (
    CAPTION_THRESHOLDS,
    IMAGE_THRESHOLDS,
    CaptionIssue,
    CorpusChecks,
    ImageIssue,
    check_corpus,
)
from worker.stages.measuring import MeasuredImages, measure_images
from worker.trainer import Spec, Tell

_MIN_READERS = 8
_ENGLISH = "en"


def check_images_and_captions(spec: Spec, tell: Tell) -> dict[str, Any]:  # Any: JSON
    """Write `checks.npz` below `out`: the arrays of `CorpusChecks`, and `languages` (C,).

    Args:
        spec: `storage_url`, `objects`; `images` and `captions` as in the stage `features`; `image_measures`, what that
            stage measured, a file that need not be there; `counts`, an npz with `n_paths` (I,) and `n_images` (C,);
            `caption_vectors`, a file or None; `out`.
        tell: gets a sign of life.

    Returns:
        `summary`: a ChecksSummary's JSON.
    """
    captions = [json.loads(line) for line in Path(spec["captions"]).read_text(encoding="utf-8").splitlines()]
    measured = _measured(spec, tell)
    tell({"kind": "checks", "measured": len(measured.scores)})
    counts = np.load(spec["counts"], allow_pickle=False)
    vectors = None if spec["caption_vectors"] is None else np.load(spec["caption_vectors"], mmap_mode="r")
    found = check_corpus(
        image_scores=measured.scores,
        image_hashes=measured.hashes,
        n_paths=counts["n_paths"],
        captions=captions,
        n_images_of_caption=counts["n_images"],
        caption_vectors=vectors,
    )
    np.savez(
        Path(spec["out"]) / "checks.npz",
        images=found.images,
        image_sets=found.image_sets,
        captions=found.captions,
        caption_sets=found.caption_sets,
        languages=np.array(found.language.languages, dtype=np.str_),
    )
    return {"summary": _summary(found)}


def _measured(spec: Spec, tell: Tell) -> MeasuredImages:
    path = Path(spec["image_measures"])
    if path.exists():
        return MeasuredImages.read(path)
    storage = open_storage(spec["storage_url"], Path(spec["objects"]))
    table = np.load(spec["images"], allow_pickle=False)
    n_readers = max(int(spec["n_threads"]), _MIN_READERS)
    return measure_images(storage, table, n_readers, lambda n_done: tell({"kind": "checks", "measured": n_done}))


def _summary(found: CorpusChecks) -> dict[str, Any]:  # Any: JSON
    n_images, n_captions = found.n_flagged_images(), found.n_flagged_captions()
    languages = found.language
    n_sure = sum(languages.counts.values())
    n_other = n_captions[CaptionIssue.WRONG_LANGUAGE] or 0
    return {
        "n_images": len(found.images),
        "n_captions": len(found.captions),
        "images": [
            {"issue": issue.value, "threshold": IMAGE_THRESHOLDS[issue], "n_flagged": n_images[issue]}
            for issue in ImageIssue
        ],
        "captions": [
            {"issue": issue.value, "threshold": CAPTION_THRESHOLDS[issue], "n_flagged": n_captions[issue]}
            for issue in CaptionIssue
        ],
        "n_image_sets": int(found.image_sets.max(initial=-1)) + 1,
        "n_caption_sets": int(found.caption_sets.max(initial=-1)) + 1,
        "main_language": languages.main,
        "other_language_share": n_other / max(1, len(found.captions)),
        "languages": [{"language": name, "n_captions": count} for name, count in languages.counts.items()],
        "warnings": _warnings(languages.main, languages.counts, n_sure),
    }


def _warnings(main: str | None, counts: dict[str, int], n_sure: int) -> list[dict[str, str]]:
    if main is None or main == _ENGLISH:
        return []
    share = counts[main] / n_sure
    return [
        {
            "code": "corpus_not_english",
            "detail": f"the main language of the captions is {main!r} ({share:.0%} of those whose language is sure), "
            "and the default encoder, offline, reads English only: clean this corpus with an encoder that reads it",
        }
    ]
