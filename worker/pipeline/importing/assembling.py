"""Rows, images and faults to the rows of a version, with counts that add up."""

import uuid
from typing import Any

from app.core.models import RejectionCode
from app.core.repositories.importing import ImportedVersion, PairRecord, RejectionRecord
from worker.pipeline.importing.caption_ordinals import CaptionOrdinals
from worker.pipeline.importing.image_store import StoredImages
from worker.pipeline.importing.pair_keys import PairKeys
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.reading import ReadCorpus
from worker.pipeline.importing.rows import CaptionRow, RowFault


def assemble_version(
    version_id: uuid.UUID,
    read: ReadCorpus,
    stored: StoredImages,
    preflight: dict[str, Any] | None = None,  # Any: JSON
) -> ImportedVersion:
    """Build the version: every row ends accepted or rejected, and so does every image that no row names."""
    pairs: list[PairRecord] = []
    rejections: list[RejectionRecord] = []
    captions = CaptionOrdinals()
    keys = PairKeys()
    for row, name in read.joined.rows:
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
                source_file=printable(row.file) or None,
            )
        )
    rejections.extend(_unnamed(name) for name in read.unnamed_images)
    return ImportedVersion(
        id=version_id,
        n_read=read.n_read,
        n_captions=len(captions),
        images=stored.images,
        pairs=pairs,
        rejections=rejections,
        image_column=read.manifest.columns.image,
        caption_column=read.manifest.columns.caption,
        n_other_members=read.n_other_members,
        format=read.recognition.format.name,
        preflight=preflight,
    )


def _rejection(row: CaptionRow, fault: RowFault) -> RejectionRecord:
    path = None if row.image is None else printable(row.image)
    file = printable(row.file) or None
    return RejectionRecord(row.number, path, fault.code, fault.detail, source_file=file, byte_offset=row.byte_offset)


def _unnamed(name: str) -> RejectionRecord:
    return RejectionRecord(None, printable(name), RejectionCode.NO_CAPTION_FOR_IMAGE, "no caption names this image")
