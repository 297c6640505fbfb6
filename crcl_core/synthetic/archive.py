"""Writes a corpus as a user would upload it, and its truth beside it, never inside."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from crcl_core.synthetic.corpus import MismatchKind, SyntheticCorpus
from crcl_core.types import CrclError

# Zip's earliest time: an archive must not depend on when it was written.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)
_TRUTH_HEADER: Final = ("pair_id", "image", "caption", "kind", "true_caption")


@final
@dataclass(frozen=True, kw_only=True)
class TruthRow:
    """The truth about one pair; `kind` is None when it is clean."""

    pair_id: str
    image: str
    caption: str
    kind: MismatchKind | None
    true_caption: str

    @property
    def is_mismatch(self) -> bool:
        """Whether the caption does not belong to the image."""
        return self.kind is not None


def write_archive(corpus: SyntheticCorpus, path: Path, truth_path: Path | None = None, *, has_ids: bool = True) -> None:
    """Writes a zip with `images/` and `captions.csv`, the same bytes for the same corpus.

    Args:
        corpus: What to write; pictures are painted one by one on the way.
        path: The zip.
        truth_path: Where the truth goes as well, see `write_truth`; None = nowhere. Never inside the archive.
        has_ids: Whether captions.csv has the column `id` (the pair ids of the truth) before `image` and `caption`.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for number, image in enumerate(corpus.images):
            # Pictures are compressed already.
            archive.writestr(zipfile.ZipInfo(image.path, _NO_TIME), corpus.image_bytes(number), zipfile.ZIP_STORED)
        header = ("id", "image", "caption") if has_ids else ("image", "caption")
        rows = (
            (pair.pair_id, corpus.images[pair.image].path, pair.caption.text)[0 if has_ids else 1 :]
            for pair in corpus.pairs
        )
        captions = zipfile.ZipInfo("captions.csv", _NO_TIME)
        archive.writestr(captions, _to_csv(header, rows), zipfile.ZIP_DEFLATED)
    if truth_path is not None:
        write_truth(corpus, truth_path)


def write_truth(corpus: SyntheticCorpus, path: Path) -> None:
    """Writes the truth as csv: pair_id, image, caption, kind (empty = clean), true_caption; a row for each pair."""
    rows = (
        (pair.pair_id, corpus.images[pair.image].path, pair.caption.text, pair.kind or "", pair.true_caption.text)
        for pair in corpus.pairs
    )
    path.write_text(_to_csv(_TRUTH_HEADER, rows), encoding="utf-8", newline="")


def read_truth(path: Path) -> Mapping[str, TruthRow]:
    """Reads what `write_truth` wrote, by pair id, in the order of the corpus.

    Raises:
        CrclError: The file is not one that `write_truth` wrote.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        if tuple(reader.fieldnames or ()) != _TRUTH_HEADER:
            raise CrclError(f"{path} has the columns {reader.fieldnames}, expected {list(_TRUTH_HEADER)}")
        try:
            rows = [
                TruthRow(
                    pair_id=row["pair_id"],
                    image=row["image"],
                    caption=row["caption"],
                    kind=MismatchKind(row["kind"]) if row["kind"] else None,
                    true_caption=row["true_caption"],
                )
                for row in reader
            ]
        except (csv.Error, ValueError) as error:
            raise CrclError(f"{path} line {reader.line_num}: {error}") from error
    return {row.pair_id: row for row in rows}


def _to_csv(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
