"""SCAN's precomputed features: recognised, so that the refusal says where they are read."""

import posixpath
import re
from typing import final

from app.core.models import CorpusFormat
from worker.pipeline.importing.formats.format import Match, Strength
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.rows import FormatRows
from worker.pipeline.importing.source import CorpusSource

_FEATURES = re.compile(r"(train|dev|test|testall)_ims\.npy")


@final
class ScanPrecompFormat:
    """`{train,dev,test}_ims.npy` with `_caps.txt`: features without images, which the service cannot show or encode."""

    name = CorpusFormat.SCAN_PRECOMP
    layout = "SCAN's precomp folder (read by `mispair bench paper` only)"

    def recognise(self, source: CorpusSource) -> Match | None:
        """Certain by its names."""
        found = [one for one in source.with_suffix(".npy") if _FEATURES.fullmatch(posixpath.basename(one.name))]
        if not found:
            return None
        return Match(Strength.CERTAIN, f"{printable(found[0].name)} is SCAN's name for features of images", found)

    def read(self, source: CorpusSource, match: Match) -> FormatRows:  # noqa: ARG002 - it reads nothing
        """Refuse it.

        Raises:
            ArchiveRefusedError: `unsupported_format`, always.
        """
        raise ArchiveRefusedError(
            RefusalCode.UNSUPPORTED_FORMAT,
            f"{printable(match.files[0].name)} holds features and no images: a corpus needs the images themselves. "
            "`mispair bench paper` trains on such a folder, and crcl_core.data.precomp reads it",
        )
