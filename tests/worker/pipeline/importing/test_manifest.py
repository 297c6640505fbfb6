"""Tables of captions: which is taken, how it is read, and what becomes of rows that nobody can read."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from app.core.models import RejectionCode
from tests.worker.archives import parquet_bytes, zip_file
from worker.pipeline.importing.formats import FORMATS, recognise
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.manifest import read_manifest
from worker.pipeline.importing.opening import open_archive
from worker.pipeline.importing.refusal import ArchiveRefusedError
from worker.pipeline.importing.rows import CaptionRow, Manifest
from worker.pipeline.importing.source import CorpusSource

Read = Callable[..., Manifest]
_MALFORMED = RejectionCode.MALFORMED_ROW


@pytest.fixture
def read(tmp_path: Path, limits: ImportLimits) -> Read:
    """`read(files)` chooses and reads the manifest among files; `read(text)` reads captions.csv."""

    def manifest(source: Mapping[str, bytes] | bytes, name: str = "captions.csv") -> Manifest:
        files = {name: source} if isinstance(source, bytes) else source
        with (
            open_archive(zip_file(tmp_path / "a.zip", files), limits, tmp_path) as archive,
            CorpusSource(archive, limits, tmp_path, lambda: None) as opened,
        ):
            return read_manifest(opened, recognise(opened, FORMATS))

    return manifest


def captions(manifest: Manifest) -> list[tuple[str | None, str]]:
    return [(row.image, row.caption) for row in manifest.rows]


def faults(manifest: Manifest) -> list[RejectionCode | None]:
    return [None if row.fault is None else row.fault.code for row in manifest.rows]


def refusal_code(read: Read, source: Mapping[str, bytes] | bytes, name: str = "captions.csv") -> str:
    with pytest.raises(ArchiveRefusedError) as caught:
        read(source, name)
    return caught.value.code


_CSV = b"image,caption\na.png,one\n"


class TestChoice:
    @pytest.mark.parametrize("name", ["captions.csv", "captions.tsv", "Captions.CSV", "captions.jsonl"])
    def test_captions_at_the_top(self, name: str, read: Read) -> None:
        source = {
            ".csv": _CSV,
            ".tsv": _CSV.replace(b",", b"\t"),
            ".jsonl": b'{"image": "a.png", "caption": "one"}\n',
        }[Path(name).suffix.lower()]
        assert captions(read(source, name)) == [("a.png", "one")]

    def test_the_shallowest_one_wins(self, read: Read) -> None:
        files = {"deep/er/captions.csv": b"x", "set/captions.csv": _CSV, "metadata.csv": b"y"}
        assert read(files).files == {"set/captions.csv"}

    def test_the_only_table_of_any_name(self, read: Read) -> None:
        assert read({"data/metadata.csv": _CSV, "README.md": b"x"}).files == {"data/metadata.csv"}

    def test_the_copy_that_macos_makes_is_not_one(self, read: Read) -> None:
        assert read({"captions.csv": _CSV, "__MACOSX/._captions.csv": b"\0\5\x16\7"}).files == {"captions.csv"}

    def test_none(self, read: Read) -> None:
        assert refusal_code(read, {"a.png": b"x", "notes.txt": b"y"}) == "no_manifest"

    @pytest.mark.parametrize("others", [["one.csv", "two.csv"], ["captions.csv", "captions.tsv"]])
    def test_several(self, others: list[str], read: Read) -> None:
        assert refusal_code(read, dict.fromkeys(others, _CSV)) == "ambiguous_manifest"

    def test_one_that_is_too_large(self, read: Read, limits: ImportLimits) -> None:
        assert refusal_code(read, b"x" * (limits.max_manifest_bytes + 1)) == "manifest_too_large"


class TestColumns:
    @pytest.mark.parametrize(
        ("header", "image", "caption"),
        [
            ("image,caption", "image", "caption"),
            ("Text,File Name", "File Name", "Text"),
            ("filepath,title", "filepath", "title"),
            ("text,image-path,caption", "image-path", "caption"),
        ],
    )
    def test_known_names_are_found(self, header: str, image: str, caption: str, read: Read) -> None:
        columns = read(header.encode() + b"\n").columns
        assert (columns.image, columns.caption) == (image, caption)

    @pytest.mark.parametrize(
        ("header", "code"),
        [
            (b"image,label\n", "no_caption_column"),
            (b"", "no_caption_column"),
            (b"url,caption\n", "no_image_column"),
            (b"image,caption,caption\n", "ambiguous_manifest"),
            (b"image,capt\xefon\n", "not_utf8"),
            ("image,caption\n".encode("utf-32"), "not_utf8"),
        ],
    )
    def test_a_header_that_cannot_be_used(self, header: bytes, code: str, read: Read) -> None:
        assert refusal_code(read, header + b"a.png,x\n") == code

    def test_the_refusal_names_what_it_found_and_what_it_wants(self, read: Read) -> None:
        with pytest.raises(
            ArchiveRefusedError, match=r"captions\.csv has no caption column: its columns are image, tag"
        ):
            read(b"image,tag\n")

    def test_other_columns_are_kept_verbatim(self, read: Read) -> None:
        row = read(b"id,image,caption,split,split\n7,a.png,one,train, dev\n").rows[0]
        assert (row.source_id, row.extra) == ("7", {"split": "train", "split#2": " dev"})

    @pytest.mark.parametrize("delimiter", [b";", b"|", b"\t"])
    def test_csv_with_another_delimiter(self, delimiter: bytes, read: Read) -> None:
        source = b"image_name,caption\na.png,one\n".replace(b",", delimiter)
        assert captions(read(source)) == [("a.png", "one")]


class TestDelimited:
    @pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
    def test_line_endings_blank_lines_and_a_byte_order_mark(self, ending: bytes, read: Read) -> None:
        lines = [b"\xef\xbb\xbfimage,caption", b"", b"a.png,one", b"  ", b"b.png,two"]
        assert captions(read(ending.join(lines))) == [("a.png", "one"), ("b.png", "two")]

    def test_quoting(self, read: Read) -> None:
        source = b'image,caption\na.png,"a ""red"" dog, running"\nb.png,"two\nlines"\nc.png,5" tall\n'
        assert captions(read(source)) == [
            ("a.png", 'a "red" dog, running'),
            ("b.png", "two\nlines"),
            ("c.png", '5" tall'),
        ]

    def test_a_row_with_too_few_or_too_many_columns(self, read: Read) -> None:
        manifest = read(b"image,caption\na.png\nb.png,x,y\nc.png,fine\n")
        assert faults(manifest) == [_MALFORMED, _MALFORMED, None]
        assert manifest.rows[1].image == "b.png"

    def test_a_quote_that_is_never_closed_costs_its_row_only(self, read: Read) -> None:
        manifest = read(b'image,caption\na.png,"open\nb.png,two\nc.png,"three"\nd.png,four\n')
        assert faults(manifest) == [_MALFORMED, None, None, None]
        assert captions(manifest)[1:] == [("b.png", "two"), ("c.png", "three"), ("d.png", "four")]

    def test_text_behind_a_closing_quote_in_csv_is_malformed(self, read: Read) -> None:
        assert faults(read(b'image,caption\na.png,"stop" sign\nb.png,x\n')) == [_MALFORMED, None]

    def test_text_behind_a_closing_quote_in_tsv_is_taken_as_it_is(self, read: Read) -> None:
        source = b'image\tcaption\na.png\t"stop" sign\nb.png\t"open\nc.png\tx\n'
        assert captions(read(source, "captions.tsv")) == [("a.png", '"stop" sign'), ("b.png", '"open'), ("c.png", "x")]

    def test_a_line_without_an_end_costs_its_row_only(self, read: Read) -> None:
        manifest = read(b"image,caption\na.png,one\n" + b"x" * 200_000 + b"\nb.png,two\n")
        assert faults(manifest) == [None, _MALFORMED, None]

    def test_a_nul_costs_its_row_only(self, read: Read) -> None:
        assert faults(read(b"image,caption\na.png,on\0e\nb.png,two\n")) == [_MALFORMED, None]

    def test_captions_that_are_empty_or_too_long(self, read: Read, limits: ImportLimits) -> None:
        long = b"x" * (limits.max_caption_chars + 1)
        manifest = read(b"image,caption\na.png,  \nb.png," + long + b"\nc.png," + long[:-1] + b"\n")
        assert faults(manifest) == [RejectionCode.EMPTY_CAPTION, RejectionCode.CAPTION_TOO_LONG, None]

    def test_captions_are_kept_exactly(self, read: Read) -> None:
        caption = "  =cmd|' /C calc'!A0 <script>\u202e \u05e9\u05dc\u05d5\u05dd \U0001f9d1\u200d\U0001f680 "
        assert read(f"image,caption\na.png,{caption}\n".encode()).rows[0].caption == caption


class TestJsonLines:
    def read_lines(self, read: Read, *lines: bytes) -> Manifest:
        return read(b"\n".join(lines), "captions.jsonl")

    def test_one_caption_or_a_list_of_them(self, read: Read) -> None:
        manifest = self.read_lines(
            read, b'{"image": "a.png", "caption": ["one", "two"]}', b"", b'{"image": "b.png", "caption": "three"}'
        )
        assert captions(manifest) == [("a.png", "one"), ("a.png", "two"), ("b.png", "three")]
        assert [row.number for row in manifest.rows] == [1, 1, 2]

    def test_ids_and_other_keys(self, read: Read) -> None:
        row = self.read_lines(read, b'{"id": 7, "file_name": "a.png", "text": "x", "tags": ["p", 1.5]}').rows[0]
        assert (row.source_id, row.extra) == ("7", {"tags": ["p", 1.5]})

    @pytest.mark.parametrize(
        "line",
        [
            b"{",
            b"[1]",
            b'"text"',
            b'{"image": "b.png", "caption": 5}',
            b'{"image": 5, "caption": "x"}',
            b'{"image": "b.png", "caption": "x", "n": NaN}',
            b'{"image": "b.png", "caption": "x", "n": 1e999}',
            b'{"image": "b.png", "caption": "x", "caption": "y"}',
            b'{"image": "b.png", "caption": "x\\u0000"}',
            b'{"image": "b.png", "caption": "x", "n": ' + b"9" * 10_000 + b"}",
            b'{"image": "b.png", "caption": "x", "deep": ' + b"[" * 40 + b"]" * 40 + b"}",
            b'{"image": "b.png", "caption": "x", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        ],
    )
    def test_a_line_that_cannot_be_kept_costs_its_row_only(self, line: bytes, read: Read) -> None:
        manifest = self.read_lines(read, b'{"image": "a.png", "caption": "x"}', line)
        assert faults(manifest) == [None, _MALFORMED]

    @pytest.mark.parametrize(
        "line", [b'{"image": "b.png", "caption": "\xff"}', rb'{"image": "b", "caption": "\ud800"}']
    )
    def test_text_that_is_not_unicode(self, line: bytes, read: Read) -> None:
        manifest = self.read_lines(read, b'{"image": "a.png", "caption": "x"}', line)
        assert faults(manifest) == [None, RejectionCode.NOT_UTF8]

    @pytest.mark.parametrize("line", [b'{"image": "b.png"}', b'{"image": "b.png", "caption": []}'])
    def test_a_missing_caption_is_an_empty_one(self, line: bytes, read: Read) -> None:
        manifest = self.read_lines(read, b'{"image": "a.png", "caption": "x"}', line)
        assert faults(manifest) == [None, RejectionCode.EMPTY_CAPTION]

    def test_utf16_is_read(self, read: Read) -> None:
        source = json.dumps({"image": "a.png", "caption": "x"}).encode("utf-16")
        assert captions(read(source, "captions.jsonl")) == [("a.png", "x")]

    def test_no_line_with_a_caption(self, read: Read) -> None:
        assert refusal_code(read, b'{"image": "a.png"}\n', "captions.jsonl") == "no_caption_column"


class TestEncodings:
    _TEXT = "image,caption\na.png,caf\u00e9\nb.png,\u732b\n"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_it_is_told_from_the_bytes(self, encoding: str, read: Read) -> None:
        assert captions(read(self._TEXT.encode(encoding))) == [("a.png", "caf\u00e9"), ("b.png", "\u732b")]

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
    def test_each_row_knows_the_byte_at_which_it_begins(self, encoding: str, read: Read) -> None:
        data = self._TEXT.encode(encoding)
        codec = "utf-16-le" if encoding == "utf-16" else encoding.removesuffix("-sig")
        offsets = [row.byte_offset or 0 for row in read(data).rows]
        assert [data[offset:].decode(codec)[:5] for offset in offsets] == ["a.png", "b.png"]

    def test_half_a_character_of_utf16_costs_its_row_only(self, read: Read) -> None:
        data = "image,caption\na.png,x\nb.png,y".encode("utf-16") + b"\0"
        assert faults(read(data)) == [None, RejectionCode.NOT_UTF8]

    def test_json_lines_know_it_too(self, read: Read) -> None:
        line = b'{"image": "a.png", "caption": "x"}\n'
        assert [row.byte_offset for row in read(line * 2, "captions.jsonl").rows] == [0, len(line)]


class TestParquet:
    def test_records_become_rows(self, read: Read) -> None:
        data = parquet_bytes({"file_name": ["a.png", "b.png"], "text": ["one", "two"], "id": [7, 8], "w": [0.5, None]})
        manifest = read(data, "captions.parquet")
        assert captions(manifest) == [("a.png", "one"), ("b.png", "two")]
        assert (manifest.rows[1].source_id, manifest.rows[1].extra) == ("8", {"w": None})

    def test_lists_of_captions(self, read: Read) -> None:
        data = parquet_bytes({"image": ["a.png"], "captions": [["one", "two"]]})
        assert captions(read(data, "captions.parquet")) == [("a.png", "one"), ("a.png", "two")]

    def test_a_damaged_file_is_refused(self, read: Read) -> None:
        data = parquet_bytes({"image": ["a.png"], "caption": ["one"]})
        assert refusal_code(read, data[:40] + b"x" * 40 + data[80:], "captions.parquet") == "unreadable_table"


class TestNumberedCaptionColumns:
    def test_each_is_a_caption_of_its_own(self, read: Read) -> None:
        manifest = read(b"file_name,caption_0,caption_1\na.png,one,two\nb.png,,\nc.png,three,\n")
        assert captions(manifest) == [("a.png", "one"), ("a.png", "two"), ("b.png", ""), ("c.png", "three")]
        assert faults(manifest)[2] == RejectionCode.EMPTY_CAPTION


def test_too_many_rows(read: Read, limits: ImportLimits) -> None:
    object.__setattr__(limits, "max_rows", 2)
    assert refusal_code(read, b"image,caption\n" + b"a.png,x\n" * 3) == "too_many_rows"


def test_a_row_says_whether_it_is_at_fault() -> None:
    assert CaptionRow(1, "a.png", "x").fault is None
