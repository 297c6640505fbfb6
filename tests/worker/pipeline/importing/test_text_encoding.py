import pytest

from worker.pipeline.importing.text_encoding import UnknownEncodingError, sniff_encoding


class TestSniffEncoding:
    @pytest.mark.parametrize(
        ("head", "codec", "n_mark_bytes"),
        [
            (b"", "utf-8", 0),
            (b"a", "utf-8", 0),
            (b"image,caption", "utf-8", 0),
            (b"\xef\xbb\xbfimage", "utf-8", 3),
            ("image,caption".encode("utf-16"), "utf-16-le", 2),
            ("image,caption".encode("utf-16-le"), "utf-16-le", 0),
            ("image,caption".encode("utf-16-be"), "utf-16-be", 0),
            (b"caf\xe9", "utf-8", 0),  # Latin-1: its rows show where it is no UTF-8
            (b"\0\0\0\0", "utf-8", 0),
        ],
    )
    def test_it_is_told_from_the_first_bytes(self, head: bytes, codec: str, n_mark_bytes: int) -> None:
        encoding = sniff_encoding(head)
        assert (encoding.codec, encoding.n_mark_bytes) == (codec, n_mark_bytes)

    @pytest.mark.parametrize("codec", ["utf-32", "utf-32-be"])
    def test_utf32_is_refused(self, codec: str) -> None:
        mark = b"" if codec == "utf-32" else "\ufeff".encode("utf-32-be")
        with pytest.raises(UnknownEncodingError, match="UTF-32"):
            sniff_encoding(mark + "image".encode(codec))

    def test_bytes_of_a_text_are_counted_as_they_came(self) -> None:
        encoding = sniff_encoding(b"caf\xe9 \xc3\xa9")
        assert encoding.n_bytes(b"caf\xe9 \xc3\xa9".decode("utf-8", "surrogateescape")) == 7
