"""COCO's captions: images and annotations in one JSON document."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, final

from app.core.models import CorpusFormat, RejectionCode
from worker.pipeline.importing.archive import Member
from worker.pipeline.importing.columns import Columns
from worker.pipeline.importing.formats.format import Match, Strength
from worker.pipeline.importing.formats.json_documents import entries_of, find_documents, object_fault, read_document
from worker.pipeline.importing.object_rows import id_text
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.rows import CaptionRow, FormatRows, RowFault
from worker.pipeline.importing.source import CorpusSource

# The same images are called COCO_train2014_000000000009.jpg in 2014 and 000000000009.jpg in 2017.
_NUMBER = re.compile(r"(\d{12})\.jpg", re.IGNORECASE)
_LISTS = re.compile(rb'"(annotations|images)"\s*:\s*\[')
_OF_COCO = re.compile(rb'"(annotations|file_name|licenses|coco_url)"')


@final
class CocoFormat:
    """`captions_*.json` with `images` (id, file_name) and `annotations` (id, image_id, caption); several are joined."""

    name = CorpusFormat.COCO
    layout = (
        "images and COCO captions: a .json with the lists images (id, file_name) and annotations (image_id, caption)"
    )

    def recognise(self, source: CorpusSource) -> Match | None:
        """Certain by its lists; files of instances or keypoints beside captions are left alone."""
        found = find_documents(source, _LISTS, _OF_COCO)
        found = [one for one in found if b'"sentences"' not in source.head(one)]
        named = [one for one in found if posixpath.basename(one.name).lower().startswith("captions")]
        if not found:
            return None
        files = named or found
        names = ", ".join(printable(one.name) for one in files[:5])
        return Match(Strength.CERTAIN, f"{names} has COCO's lists of images and annotations", files)

    def read(self, source: CorpusSource, match: Match) -> FormatRows:
        """Read every document in turn.

        Raises:
            ArchiveRefusedError: `no_captions` where none has a caption, or a document cannot be read.
        """
        files = {member.name for member in match.files}
        return FormatRows(Columns("file_name", "caption", "id"), _rows(source, match.files), source.archive, files)


def _rows(source: CorpusSource, members: Sequence[Member]) -> Iterator[CaptionRow]:
    n_annotations = 0
    has_captions = False
    renamed = _RenamedImages(source.images)
    for member in members:
        document = read_document(source, member)
        annotations = entries_of(document, "annotations", member)
        n_annotations += len(annotations)
        # Boxes and keypoints lie beside the captions in COCO's own archives.
        if any(isinstance(one, dict) and "caption" in one for one in annotations):
            has_captions = True
            rows = _captions(annotations, _images(document, member), member.name)
            yield from (renamed.found(row) for row in rows)
    if not has_captions:
        names = ", ".join(printable(member.name) for member in members[:5])
        raise ArchiveRefusedError(
            RefusalCode.NO_CAPTIONS,
            f"{names}: {n_annotations} annotations without a caption, such as instances or keypoints; expected "
            "captions_*.json",
        )


@final
class _RenamedImages:
    """Finds images that the archive holds under the name of another year."""

    def __init__(self, names: Sequence[str]) -> None:
        self._base_names = {posixpath.basename(name) for name in names}
        self._by_number: dict[str, str | None] = {}  # None: several have it
        for name in names:
            if (number := _NUMBER.search(name)) is not None:
                self._by_number[number[1]] = None if number[1] in self._by_number else name

    def found(self, row: CaptionRow) -> CaptionRow:
        """The row with its image's member, where its own name is not in the archive and its number is."""
        if row.image is None or posixpath.basename(row.image) in self._base_names:
            return row
        number = _NUMBER.search(row.image)
        return row if number is None else replace(row, member=self._by_number.get(number[1]))


def _images(document: dict[str, Any], member: Member) -> dict[Any, dict[str, Any]]:  # Any: JSON
    images = entries_of(document, "images", member)
    sound = (one for one in images if object_fault(one, ("id", "file_name")) is None)
    return {one["id"]: one for one in sound if isinstance(one["id"], int | str)}


def _captions(
    annotations: Sequence[Any],  # Any: JSON
    images: dict[Any, dict[str, Any]],  # Any: JSON
    file: str,
) -> Iterator[CaptionRow]:
    for number, annotation in enumerate(annotations, start=1):
        fault = object_fault(annotation, ("image_id", "caption"))
        if fault is not None:
            yield _faulty(number, None, RejectionCode.MALFORMED_ROW, f"the annotation cannot be read: {fault}", file)
            continue
        image_id = annotation["image_id"]
        image = images.get(image_id) if isinstance(image_id, int | str) else None
        if image is None or not isinstance(image["file_name"], str):
            detail = f"no image has the id {printable(str(image_id))}"
            yield _faulty(number, None, RejectionCode.MISSING_IMAGE, detail, file)
        elif not isinstance(annotation["caption"], str):
            detail = "caption is not a text"
            yield _faulty(number, image["file_name"], RejectionCode.MALFORMED_ROW, detail, file)
        else:
            extra = {key: value for key, value in image.items() if key not in ("id", "file_name")}
            extra |= {key: value for key, value in annotation.items() if key not in ("id", "caption")}
            yield CaptionRow(
                number,
                image["file_name"],
                caption=annotation["caption"],
                source_id=id_text(annotation.get("id")),
                extra=extra,
                file=file,
            )


def _faulty(number: int, image: str | None, code: RejectionCode, detail: str, file: str) -> CaptionRow:
    return CaptionRow(number, image, fault=RowFault(code, detail), file=file)
