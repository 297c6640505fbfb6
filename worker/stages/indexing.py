"""Stage `index`: the embeddings of a trained run as two retrieval indexes."""

from pathlib import Path
from typing import Any

import numpy as np

from crcl_core.retrieval import build_index
from worker.trainer import Spec, Tell


def index_corpus(spec: Spec, tell: Tell) -> dict[str, Any]:  # Any: JSON
    """Build `index/images` and `index/captions` below `out` from the embeddings that the stage `train` left there."""
    out = Path(spec["out"])
    for name, source in (("images", "image_embeddings.npy"), ("captions", "caption_embeddings.npy")):
        folder = out / "index" / name
        folder.parent.mkdir(exist_ok=True)
        header = build_index(np.load(out / source, mmap_mode="r"), folder)
        tell({"kind": "index", "name": name, "n": header.n})
    return {}
