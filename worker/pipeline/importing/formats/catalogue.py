"""All formats, the more special before the more general: of equally sure ones the first is taken."""

from collections.abc import Sequence

from worker.pipeline.importing.formats.format import Format
from worker.pipeline.importing.formats.table import OpenClipFormat, TableFormat

FORMATS: Sequence[Format] = (OpenClipFormat(), TableFormat())
