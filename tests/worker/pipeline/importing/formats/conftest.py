"""An import of a few files, told in a few words."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.core.models import CorpusFormat
from app.core.repositories.importing import ImportedVersion
from tests.worker.archives import image_bytes
from tests.worker.pipeline.importing.conftest import Import
from worker.pipeline.importing.refusal import ArchiveRefusedError

RED, GREEN, BLUE = (image_bytes(colour) for colour in ((200, 30, 30), (30, 200, 30), (30, 30, 200)))


@dataclass(frozen=True)
class Told:
    """What became of an archive.

    Attributes:
        pairs: (path, caption) of each accepted row.
        rejected: (file, row number, code) of each rejection.
    """

    version: ImportedVersion

    @property
    def format(self) -> CorpusFormat | None:
        return self.version.format

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(pair.source_path, pair.caption) for pair in self.version.pairs]

    @property
    def ids(self) -> list[str | None]:
        return [pair.source_id for pair in self.version.pairs]

    @property
    def extra(self) -> list[dict[str, Any] | None]:  # Any: JSON
        return [pair.extra for pair in self.version.pairs]

    @property
    def rejected(self) -> list[tuple[str | None, int | None, str]]:
        return [(row.source_file, row.row_number, row.code.value) for row in self.version.rejections]


Tell = Callable[..., Told]


@pytest.fixture
def tell(run_import: Import) -> Tell:
    """`tell(files)` imports a zip of them; `tell(path)` an archive."""

    def told(source: Mapping[str, bytes] | Path, wanted: CorpusFormat | None = None) -> Told:
        return Told(run_import(source, wanted_format=wanted))

    return told


def refusal(tell: Tell, source: Mapping[str, bytes] | Path, wanted: CorpusFormat | None = None) -> ArchiveRefusedError:
    """How an archive is refused."""
    with pytest.raises(ArchiveRefusedError) as caught:
        tell(source, wanted)
    return caught.value


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()
