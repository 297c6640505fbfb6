"""Rows, images and faults to the rows of a version, with counts that add up."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.models import RejectionCode
from app.core.repositories.importing import ImportedVersion, PairRecord, RejectionRecord
from worker.pipeline.importing.caption_ordinals import CaptionOrdinals
from worker.pipeline.importing.image_store import StoredImages
from worker.pipeline.importing.joining import ImageFinder, ImageNotFoundError
from worker.pipeline.importing.pair_keys import PairKeys
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.rows import CaptionRow, Manifest, RowFault


@dataclass(frozen=True)
class JoinedRows:
    """The rows with their members.

    Attributes:
        rows: each row with its member's name; where its image was not found it has a fault, and the name is empty.
        wanted: names of members that rows without a fault need, in the order of their first row.
        named: names of members that any row names, rejected or not.
    """

    rows: list[tuple[CaptionRow, str]]
    wanted: list[str]
    named: set[str]


def join_rows(rows: Sequence[CaptionRow], finder: ImageFinder) -> JoinedRows:
    """Find the image of each row."""
    joined: list[tuple[CaptionRow, str]] = []
    wanted: dict[str, None] = {}
    named: set[str] = set()
    for row in rows:
        try:
            name = finder.find(row.image).name
        except ImageNotFoundError as error:
            fault = row.fault or RowFault(RejectionCode.MISSING_IMAGE, str(error))
            joined.append((CaptionRow(row.number, row.image, fault=fault), ""))
            continue
        named.add(name)
        if row.fault is None:
            wanted.setdefault(name)
        joined.append((row, name))
    return JoinedRows(joined, list(wanted), named)


def assemble_version(
    version_id: uuid.UUID,
    manifest: Manifest,
    joined: JoinedRows,
    stored: StoredImages,
    *,
    unnamed_images: Sequence[str],
    n_other_members: int,
) -> ImportedVersion:
    """Build the version: every row ends accepted or rejected, and so does every image that no row names."""
    pairs: list[PairRecord] = []
    rejections: list[RejectionRecord] = []
    captions = CaptionOrdinals()
    keys = PairKeys()
    for row, name in joined.rows:
        fault = row.fault or stored.faults.get(name)
        if fault is not None:
            rejections.append(_rejection(row, fault))
            continue
        image = stored.images[stored.ordinals[name]]
        pairs.append(
            PairRecord(
                pair_key=keys.key(row.source_id, image.sha256, row.caption),
                image_id=image.id,
                caption_ordinal=captions.ordinal(row.caption),
                caption=row.caption,
                source_id=row.source_id,
                source_path=row.image or "",
                row_number=row.number,
                extra=row.extra,
            )
        )
    rejections.extend(_unnamed(name) for name in unnamed_images)
    return ImportedVersion(
        id=version_id,
        n_read=len(joined.rows) + len(unnamed_images),
        n_captions=len(captions),
        images=stored.images,
        pairs=pairs,
        rejections=rejections,
        image_column=manifest.columns.image,
        caption_column=manifest.columns.caption,
        n_other_members=n_other_members,
    )


def _rejection(row: CaptionRow, fault: RowFault) -> RejectionRecord:
    path = None if row.image is None else printable(row.image)
    return RejectionRecord(row.number, path, fault.code, fault.detail)


def _unnamed(name: str) -> RejectionRecord:
    return RejectionRecord(
        None, printable(name), RejectionCode.NO_CAPTION_FOR_IMAGE, "no row of the manifest names this image"
    )
