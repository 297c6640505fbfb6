"""Karpathy's splits: images with their sentences in one JSON document."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Any, final

from app.core.models import CorpusFormat, RejectionCode
from worker.pipeline.importing.archive import Member
from worker.pipeline.importing.columns import Columns
from worker.pipeline.importing.formats.format import Match, Strength
from worker.pipeline.importing.formats.json_documents import entries_of, find_documents, object_fault, read_document
from worker.pipeline.importing.object_rows import id_text
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.rows import CaptionRow, FormatRows, RowFault
from worker.pipeline.importing.source import CorpusSource

_IMAGES = re.compile(rb'"images"\s*:\s*\[')
_SENTENCES = re.compile(rb'"sentences"\s*:\s*\[')
_NOT_KEPT = frozenset({"sentences", "sentids", "filename", "filepath"})


@final
class KarpathyFormat:
    """`dataset_*.json` with `images`, each with a filename and its `sentences`; the split is kept as a column."""

    name = CorpusFormat.KARPATHY
    layout = "images and Karpathy's dataset_*.json: a list images with filename and sentences (raw, sentid)"

    def recognise(self, source: CorpusSource) -> Match | None:
        """Certain by its lists."""
        found = find_documents(source, _IMAGES, _SENTENCES)
        if not found:
            return None
        names = ", ".join(printable(one.name) for one in found[:5])
        return Match(Strength.CERTAIN, f"{names} lists images with their sentences", found)

    def read(self, source: CorpusSource, match: Match) -> FormatRows:
        """Read every document in turn.

        Raises:
            ArchiveRefusedError: a document cannot be read.
        """
        files = {member.name for member in match.files}
        return FormatRows(Columns("filename", "raw", "sentid"), _rows(source, match.files), source.archive, files)


def _rows(source: CorpusSource, members: Sequence[Member]) -> Iterator[CaptionRow]:
    for member in members:
        images = entries_of(read_document(source, member), "images", member)
        for number, image in enumerate(images, start=1):
            yield from _sentences(number, image, member.name)


def _sentences(number: int, image: Any, file: str) -> Iterator[CaptionRow]:  # Any: JSON
    fault = object_fault(image, ("filename", "sentences"))
    if fault is None and not (isinstance(image["filename"], str) and isinstance(image["sentences"], list)):
        fault = "filename is not a text, or sentences is not a list"
    if fault is not None:
        malformed = RowFault(RejectionCode.MALFORMED_ROW, f"the image cannot be read: {fault}")
        yield CaptionRow(number, None, fault=malformed, file=file)
        return
    folder = image.get("filepath")
    path = posixpath.join(folder, image["filename"]) if isinstance(folder, str) else image["filename"]
    extra = {key: value for key, value in image.items() if key not in _NOT_KEPT} or None
    for sentence in image["sentences"]:
        raw = sentence.get("raw") if isinstance(sentence, dict) else None
        if not isinstance(raw, str):
            malformed = RowFault(RejectionCode.MALFORMED_ROW, "a sentence has no text raw")
            yield CaptionRow(number, path, fault=malformed, file=file)
            continue
        yield CaptionRow(number, path, caption=raw, source_id=id_text(sentence.get("sentid")), extra=extra, file=file)
