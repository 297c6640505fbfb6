"""Flickr8k's and Flickr30k's token files: `name.jpg#0`, a tab, a caption."""

import posixpath
import re
from collections.abc import Iterator
from typing import final

from app.core.models import CorpusFormat, RejectionCode
from worker.pipeline.importing.archive import Member
from worker.pipeline.importing.columns import Columns
from worker.pipeline.importing.formats.format import Match, Strength
from worker.pipeline.importing.formats.tables import open_lines
from worker.pipeline.importing.lines import Line, Lines
from worker.pipeline.importing.printable_text import is_valid_text, printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.rows import CaptionRow, FormatRows, RowFault
from worker.pipeline.importing.source import CorpusSource

_LINE = re.compile(rb"[^\t\n]+#\d+\t[^\n]*")
_KEY = re.compile(r"(?P<image>[^\t]+)#\d+")
_DOUBLED = re.compile(r"(\.(?:jpe?g|png))\.\d+$", re.IGNORECASE)  # known copies name an image `.jpg.1`
_SPLIT_LIST = re.compile(r"flickr_?(?:8k|30k)?\.(?P<split>train|dev|test)images\.txt", re.IGNORECASE)
_LOOKED_AT = 50
_SAMPLE_LINES = 20
_ENOUGH = 0.8  # of the first lines; known copies hold a malformed one


@final
class FlickrFormat:
    """`Flickr8k.token.txt` or `results_20130124.token`; the lists of images of each split become a column."""

    name = CorpusFormat.FLICKR
    layout = "images and a token file without a header: name.jpg#0, a tab, the caption"

    def recognise(self, source: CorpusSource) -> Match | None:
        """Certain by its lines. The lemmatised copy is no table of captions."""
        candidates = source.with_suffix(".token", ".txt", ".tsv", ".csv")[:_LOOKED_AT]
        found = [one for one in candidates if "lemma" not in one.name.lower() and _has_token_lines(source.head(one))]
        if not found:
            return None
        return Match(Strength.CERTAIN, f"{printable(found[0].name)} has lines such as name.jpg#0, tab, caption", found)

    def read(self, source: CorpusSource, match: Match) -> FormatRows:
        """Read the one token file.

        Raises:
            ArchiveRefusedError: `ambiguous_manifest` where there are several.
        """
        if len(match.files) > 1:
            names = ", ".join(printable(one.name) for one in match.files[:5])
            raise ArchiveRefusedError(
                RefusalCode.AMBIGUOUS_MANIFEST, f"the archive holds several token files ({names}), expected one"
            )
        tokens = match.files[0]
        lists = _split_lists(source)
        splits = {name: split for split, member in lists for name in _names(open_lines(source, member))}
        rows = _rows(open_lines(source, tokens), tokens.name, splits)
        files = {tokens.name, *(member.name for _, member in lists)}
        return FormatRows(Columns("image", "caption", "key"), rows, source.archive, files)


def _has_token_lines(head: bytes) -> bool:
    lines = [line for line in head.splitlines()[:_SAMPLE_LINES] if line.strip()]
    return bool(lines) and sum(_LINE.fullmatch(line) is not None for line in lines) >= _ENOUGH * len(lines)


def _split_lists(source: CorpusSource) -> list[tuple[str, Member]]:
    found = ((_SPLIT_LIST.fullmatch(posixpath.basename(one.name)), one) for one in source.with_suffix(".txt"))
    return [(matched["split"].lower(), member) for matched, member in found if matched is not None]


def _names(lines: Lines) -> Iterator[str]:
    while (line := lines.next()) is not None:
        if name := line.text.strip():
            yield name


def _rows(lines: Lines, file: str, splits: dict[str, str]) -> Iterator[CaptionRow]:
    number = 0
    while (line := lines.next()) is not None:
        if line.is_overlong or line.text.strip():
            number += 1
            yield _row(number, line, file, splits)


def _row(number: int, line: Line, file: str, splits: dict[str, str]) -> CaptionRow:
    key, tab, caption = line.text.rstrip("\r\n").partition("\t")
    found = _KEY.fullmatch(key)
    fault = None
    if not is_valid_text(line.text):
        fault = RowFault(RejectionCode.NOT_UTF8, "the row holds bytes that are not UTF-8 text")
    elif line.is_overlong or not tab or found is None or "\0" in line.text:
        fault = RowFault(RejectionCode.MALFORMED_ROW, "the row is not name.jpg#0, a tab and a caption")
    if fault is not None or found is None:
        return CaptionRow(number, None, fault=fault, file=file, byte_offset=line.offset)
    image = _DOUBLED.sub(r"\1", found["image"])
    split = splits.get(image)
    return CaptionRow(
        number,
        image,
        caption=caption,
        source_id=key,
        extra=None if split is None else {"split": split},
        file=file,
        byte_offset=line.offset,
    )
