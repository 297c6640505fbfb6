"""Formats of a corpus: which one an archive is in, and its rows."""

from worker.pipeline.importing.formats.catalogue import FORMATS
from worker.pipeline.importing.formats.recognising import Recognition, recognise

__all__ = ["FORMATS", "Recognition", "recognise"]
