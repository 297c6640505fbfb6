"""What every format of a corpus can do: recognise itself, and read itself as rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from app.core.models import CorpusFormat
from worker.pipeline.importing.archive import Member
from worker.pipeline.importing.rows import FormatRows
from worker.pipeline.importing.source import CorpusSource


class Strength(IntEnum):
    """How sure a format is that it is meant; only the order matters."""

    POSSIBLE = 1  # it could be read so, perhaps to end in a refusal that says what is missing
    LIKELY = 2  # the names say so
    CERTAIN = 3  # the content says so, in a way that no other format does


@dataclass(frozen=True)
class Match:
    """A format that fits.

    Attributes:
        why: what it was recognised by, in words for the user.
        files: the members that made it so and are read, in this order.
    """

    strength: Strength
    why: str
    files: Sequence[Member] = ()


class Format(Protocol):
    """One layout of images and captions. Looks at names and at the heads of few files until it is asked to read.

    Attributes:
        name: as users name it and as it is stored.
        layout: what is expected, in words for a refusal.
    """

    name: CorpusFormat
    layout: str

    def recognise(self, source: CorpusSource) -> Match | None:
        """Whether the archive is laid out so."""

    def read(self, source: CorpusSource, match: Match) -> FormatRows:
        """Begin to read. Rows come as they are asked for; temporary files belong to `source`.

        Raises:
            ArchiveRefusedError: it cannot be used as a whole; the rows may raise that too.
        """
