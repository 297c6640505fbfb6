"""Which captions of the corpus flagged pairs should have, and which blocks should move: a part of `report`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.detection import HeldOutEmbeddings
from crcl_core.repair import Repairs, propose_repairs, rank_captions
from crcl_core.types import FloatArray
from worker.trainer import Spec

REPAIRS, BLOCKS, PLACES = "repairs.npz", "misplaced_blocks.json", "caption_places.npy"


def repair_corpus(spec: Spec) -> dict[str, Any]:  # Any: JSON
    """Propose repairs of the pairs below the threshold.

    Writes `repairs.npz`, the proposals with the largest gain first: `kind` (P,), `n_pairs` (P,), `offset` (P,; 0 of a
    single pair), and of their pairs, one proposal after the other, `row`, `caption_row`, `before`, `after`;
    `misplaced_blocks.json`, the blocks that move; and `caption_places.npy`, (N,) int64, where each caption stands among
    those of its image. Without held-out embeddings it writes none of them.

    Args:
        spec: `out`, the folder of what the stage `train` left, with `pairs.npz` (`image_index`, `caption_index`,
            `correspondence`); `images`, an npy file of image vectors or regions; `captions`, one of caption vectors,
            None where captions are words; `threshold`; `seed`.

    Returns:
        `n_repairs`.
    """
    out = Path(spec["out"])
    held_out = HeldOutEmbeddings.load(out)
    if held_out is None:
        return {"n_repairs": 0}
    with np.load(out / "pairs.npz", allow_pickle=False) as pairs:
        image_index, caption_index = pairs["image_index"], pairs["caption_index"]
        correspondence = pairs["correspondence"]
    features = PairFeatures(
        image_features=np.load(spec["images"], mmap_mode="r"),
        caption_features=_caption_vectors(spec["captions"], held_out),
        image_index=image_index,
        caption_index=caption_index,
    )
    is_flagged = correspondence < np.float32(spec["threshold"])
    repairs = propose_repairs(features, held_out, correspondence, is_flagged, seed=spec["seed"])
    _write(repairs, out / REPAIRS)
    blocks = [{"first": block.first, "last": block.last, "offset": block.offset} for block in repairs.blocks]
    (out / BLOCKS).write_text(json.dumps(blocks), encoding="utf-8")
    np.save(out / PLACES, rank_captions(features, held_out, correspondence, seed=spec["seed"]).place)
    return {"n_repairs": len(repairs.proposals)}


def _caption_vectors(path: str | None, held_out: HeldOutEmbeddings) -> FloatArray:
    if path is None:  # Words have no vectors of their own; zeros are near to nothing and say nothing.
        return np.zeros((held_out.captions.shape[1], 1), dtype=np.float32)
    vectors: FloatArray = np.load(path, mmap_mode="r")
    return vectors


def _write(repairs: Repairs, path: Path) -> None:
    proposals = repairs.proposals

    def joined(name: str, dtype: type[np.generic]) -> Any:  # Any: an array of that type
        return np.concatenate([np.empty(0, dtype=dtype), *(getattr(proposal, name) for proposal in proposals)])

    np.savez(
        path,
        kind=np.array([proposal.kind.value for proposal in proposals], dtype=np.str_),
        n_pairs=np.array([len(proposal.rows) for proposal in proposals], dtype=np.int64),
        offset=np.array([proposal.offset or 0 for proposal in proposals], dtype=np.int64),
        row=joined("rows", np.int64),
        caption_row=joined("caption_rows", np.int64),
        before=joined("before", np.float32),
        after=joined("after", np.float32),
    )
