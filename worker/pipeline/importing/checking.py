"""A look at an archive or a folder without a database or a storage."""

from pathlib import Path

from app.core.models import CorpusFormat
from worker.pipeline.importing.image_sample import ArchiveImageSample
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.opening import open_archive
from worker.pipeline.importing.preflight import Preflight, make_preflight
from worker.pipeline.importing.reading import read_corpus
from worker.pipeline.importing.source import CorpusSource


class UnknownFormatError(ValueError):
    """No format has this name."""


def check_path(path: Path, limits: ImportLimits, scratch: Path, wanted_format: str | None = None) -> Preflight:
    """What an import would make of it, before any image is decoded in full.

    Args:
        path: an archive, a parquet file or a folder.
        limits: of an import.
        scratch: folder for temporary files.
        wanted_format: the name of a format; None = told from the content.

    Raises:
        UnknownFormatError: no format is named so.
        ArchiveRefusedError: an import would be refused.
    """
    if wanted_format is not None and wanted_format not in list(CorpusFormat):
        raise UnknownFormatError(f"{wanted_format!r} is no format; known are {', '.join(CorpusFormat)}")
    wanted = None if wanted_format is None else CorpusFormat(wanted_format)
    with (
        open_archive(path, limits, scratch) as archive,
        CorpusSource(archive, limits, scratch, lambda: None) as source,
    ):
        read = read_corpus(source, wanted)
        return make_preflight(read, ArchiveImageSample(source, read))
