"""From an opened archive to rows with their images, before any image is decoded."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.models import CorpusFormat, RejectionCode
from worker.pipeline.importing.archive import Archive
from worker.pipeline.importing.formats import FORMATS, Recognition, recognise
from worker.pipeline.importing.joining import ImageFinder, ImageNotFoundError
from worker.pipeline.importing.manifest import read_manifest
from worker.pipeline.importing.rows import CaptionRow, Manifest, RowFault
from worker.pipeline.importing.source import CorpusSource
from worker.pipeline.importing.unnamed_members import split_unnamed


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


@dataclass(frozen=True)
class ReadCorpus:
    """What an archive says, and what its rows found in it. n_read = rows and images that no row names.

    Attributes:
        unnamed_images: names of images that no row names.
        n_other_members: files that are neither images nor part of the format.
    """

    recognition: Recognition
    manifest: Manifest
    joined: JoinedRows
    unnamed_images: Sequence[str]
    n_other_members: int

    @property
    def n_read(self) -> int:
        """How many rows must end accepted or rejected."""
        return len(self.joined.rows) + len(self.unnamed_images)

    @property
    def archive(self) -> Archive:
        """Where the images lie."""
        return self.manifest.archive


def read_corpus(source: CorpusSource, wanted: CorpusFormat | None = None) -> ReadCorpus:
    """Recognise the format, read its rows and find their images. The result is good while `source` is open.

    Args:
        source: the archive.
        wanted: the format that the user named; None = told from the content.

    Raises:
        ArchiveRefusedError: the archive as a whole cannot be used.
    """
    recognition = recognise(source, FORMATS, wanted)
    manifest = read_manifest(source, recognition)
    members = manifest.archive.members
    joined = _join_rows(manifest.rows, ImageFinder(members, manifest.files))
    unnamed, n_others = split_unnamed(manifest.archive, members, joined.named | manifest.files, source.check)
    return ReadCorpus(recognition, manifest, joined, unnamed, n_others)


def _join_rows(rows: Sequence[CaptionRow], finder: ImageFinder) -> JoinedRows:
    """Find the image of each row."""
    joined: list[tuple[CaptionRow, str]] = []
    wanted: dict[str, None] = {}
    named: set[str] = set()
    for row in rows:
        try:
            name = finder.find(row).name
        except ImageNotFoundError as error:
            fault = row.fault or RowFault(RejectionCode.MISSING_IMAGE, str(error))
            joined.append((row.rejected(fault), ""))
            continue
        named.add(name)
        if row.fault is None:
            wanted.setdefault(name)
        joined.append((row, name))
    return JoinedRows(joined, list(wanted), named)
