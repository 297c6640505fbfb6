"""Writes features and captions as a split of a precomp folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from crcl_core.types import FloatArray

_BLOCK_BYTES: Final = 16 << 20


def write_precomp(
    folder: Path,
    split: str,
    *,
    image_features: FloatArray,
    captions: Sequence[str],
    ids: Sequence[str] | None = None,
    as_tsv: bool = False,
) -> None:
    """Writes the files that `read_precomp` and the official codes read; existing ones are replaced.

    Args:
        folder: Where to; made if missing.
        split: "train", "dev", "test" or "testall".
        image_features: (rows, R, D) or (rows, D) float32; may be a memory map, of which a block is held at a time.
        captions: In the order of the rows, as many of each. White space, line breaks included, becomes one space.
        ids: One a row, or one a caption; None = no id file.
        as_tsv: cc152k's layout: ids and captions in columns of one file, which needs an id for each caption.

    Raises:
        ValueError: The features are not float32, there are not as many captions of each row, or ids do not fit.
    """
    _require_counts(image_features, captions, ids, as_tsv=as_tsv)
    folder.mkdir(parents=True, exist_ok=True)
    _write_features(folder / f"{split}_ims.npy", image_features)
    lines, id_lines = _on_one_line(captions), _on_one_line(ids or ())
    if as_tsv:
        lines = [f"{number}\t{caption}" for number, caption in zip(id_lines, lines, strict=True)]
    _write_lines(folder / f"{split}_caps.{'tsv' if as_tsv else 'txt'}", lines)
    if ids is not None:
        _write_lines(folder / f"{split}_ids.txt", id_lines)


def _require_counts(
    image_features: FloatArray, captions: Sequence[str], ids: Sequence[str] | None, *, as_tsv: bool
) -> None:
    n_rows, n_captions = len(image_features), len(captions)
    if image_features.dtype != np.float32 or image_features.ndim not in {2, 3}:
        found = f"{image_features.dtype} {image_features.shape}"
        raise ValueError(f"image_features are {found}, expected float32 (rows, R, D) or (rows, D)")
    if not n_rows or not n_captions or n_captions % n_rows:
        raise ValueError(f"{n_captions} captions of {n_rows} images, expected a whole number of captions for each")
    allowed = {n_captions} if as_tsv else {n_rows, n_captions}
    if (ids is not None or as_tsv) and len(ids or ()) not in allowed:
        raise ValueError(f"{len(ids or ())} ids, expected {' or '.join(map(str, sorted(allowed)))}")


def _on_one_line(texts: Sequence[str]) -> list[str]:
    return [" ".join(text.split()) for text in texts]


def _write_features(path: Path, features: FloatArray) -> None:
    n_rows = max(1, _BLOCK_BYTES * len(features) // max(1, features.nbytes))
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": features.shape})
        for start in range(0, len(features), n_rows):
            file.write(np.ascontiguousarray(features[start : start + n_rows], dtype="<f4").tobytes())


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
