"""Kaggle's copies of Flickr8k and Flickr30k."""

import posixpath
from typing import final

from app.core.models import CorpusFormat
from worker.pipeline.importing.delimited_manifest import header_names, read_delimited
from worker.pipeline.importing.formats.format import Match, Strength
from worker.pipeline.importing.formats.tables import first_line, open_lines
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.rows import FormatRows
from worker.pipeline.importing.source import CorpusSource

_LOOKED_AT = 50


@final
class Kaggle8kFormat:
    """`captions.txt`: a CSV with the header `image,caption` whose name says otherwise."""

    name = CorpusFormat.KAGGLE_8K
    layout = "images and captions.txt, comma separated with the header image,caption"

    def recognise(self, source: CorpusSource) -> Match | None:
        """Certain by its name and header."""
        for member in source.with_suffix(".txt")[:_LOOKED_AT]:
            is_named = posixpath.basename(member.name).lower() == "captions.txt"
            if is_named and [name.strip() for name in header_names(first_line(source, member), ",")] == [
                "image",
                "caption",
            ]:
                why = f"{printable(member.name)} is comma separated with the header image,caption"
                return Match(Strength.CERTAIN, why, (member,))
        return None

    def read(self, source: CorpusSource, match: Match) -> FormatRows:
        """Read the table."""
        table = match.files[0]
        columns, rows = read_delimited(open_lines(source, table), table.name, delimiter=",")
        return FormatRows(columns, rows, source.archive, {table.name})


@final
class Kaggle30kFormat:
    """`results.csv`: separated by a bar and a space, with the header `image_name| comment_number| comment`."""

    name = CorpusFormat.KAGGLE_30K
    layout = "images and results.csv with the header image_name| comment_number| comment"

    def recognise(self, source: CorpusSource) -> Match | None:
        """Certain by its header."""
        for member in source.with_suffix(".csv", ".txt")[:_LOOKED_AT]:
            names = [name.strip() for name in header_names(first_line(source, member), "|")]
            if names == ["image_name", "comment_number", "comment"]:
                why = f"{printable(member.name)} has the header image_name| comment_number| comment"
                return Match(Strength.CERTAIN, why, (member,))
        return None

    def read(self, source: CorpusSource, match: Match) -> FormatRows:
        """Read the table."""
        table = match.files[0]
        columns, rows = read_delimited(open_lines(source, table), table.name, delimiter="|", is_spaced=True)
        return FormatRows(columns, rows, source.archive, {table.name})
