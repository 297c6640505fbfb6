from pathlib import Path

import pytest

from crcl_core.data.precomp.text import read_captions, read_ids


def _file(folder: Path, name: str, content: str | bytes) -> Path:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


class TestPlainCaptions:
    @pytest.mark.parametrize(
        ("content", "captions"),
        [
            ("a dog\na cat\n", ("a dog", "a cat")),
            ("a dog\na cat", ("a dog", "a cat")),
            ("a dog\r\na cat\r\n", ("a dog", "a cat")),
            ("\ufeff a dog \n\n  \na cat\n", ("a dog", "", "", "a cat")),
            ("a\u2028dog\x0b\x85here\n", ("a\u2028dog\x0b\x85here",)),
            ("", ()),
        ],
    )
    def test_are_lines_and_nothing_but_line_feeds_parts_them(
        self, tmp_path: Path, content: str, captions: tuple[str, ...]
    ) -> None:
        assert read_captions(_file(tmp_path, "dev_caps.txt", content), "dev") == captions

    def test_must_be_utf8_and_the_line_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"dev_caps\.txt line 3 is not UTF-8"):
            read_captions(_file(tmp_path, "dev_caps.txt", b"a\nb\n\xe9t\xe9\n"), "dev")


class TestTabbedCaptions:
    @pytest.mark.parametrize(
        ("line", "caption"),
        [
            ("12\ta dog\n", "a dog"),
            ("12\ta dog\tmore\n", "a dog"),
            ('12\t"a ""good"" dog"\n', 'a "good" dog'),
            ('12\t"stop" says a sign\n', '"stop" says a sign'),
            ('12\t"\n', '"'),
            ("\ta dog\n", "a dog"),
            ("12\t\r\n", ""),
        ],
    )
    def test_are_the_second_column(self, tmp_path: Path, line: str, caption: str) -> None:
        assert read_captions(_file(tmp_path, "dev_caps.tsv", line), "dev") == (caption,)

    def test_a_stray_quote_swallows_no_lines(self, tmp_path: Path) -> None:
        assert read_captions(_file(tmp_path, "dev_caps.tsv", '1\t"a dog\n2\ta cat\n'), "dev") == ('"a dog', "a cat")

    def test_must_have_two_columns_and_the_line_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"dev_caps\.tsv line 2 has 1 column, expected an id, a tab and a caption"):
            read_captions(_file(tmp_path, "dev_caps.tsv", "1\ta dog\na cat\n"), "dev")

    def test_beside_plain_ones_leave_a_doubt(self, tmp_path: Path) -> None:
        _file(tmp_path, "dev_caps.tsv", "1\ta dog\n")
        with pytest.raises(ValueError, match=r"holds dev_caps\.txt and dev_caps\.tsv, expected one"):
            read_captions(_file(tmp_path, "dev_caps.txt", "a dog\n"), "dev")


class TestIds:
    def test_are_lines(self, tmp_path: Path) -> None:
        assert read_ids(_file(tmp_path, "dev_ids.txt", "7\nb \n"), "dev") == ("7", "b")

    def test_need_not_be_there(self, tmp_path: Path) -> None:
        assert read_ids(tmp_path, "dev") is None
