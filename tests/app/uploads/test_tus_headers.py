import base64
import hashlib
import uuid

import pytest

from app.core.errors import UnsupportedTypeError
from app.uploads.errors import BadRequestError
from app.uploads.tus_headers import (
    check_body_type,
    decode_metadata,
    format_metadata,
    parse_checksum,
    parse_count,
    parse_metadata,
)
from tests.app.uploads.tus import metadata


class TestParseCount:
    @pytest.mark.parametrize("value", ["0", "7", "9" * 18])
    def test_a_number_of_bytes_is_read(self, value: str) -> None:
        assert parse_count("Upload-Length", value) == int(value)

    @pytest.mark.parametrize("value", [None, "", "-1", "+1", "1.5", "x", "0x10", "1" * 19, "²", " 1", "1_0"])
    def test_anything_else_is_refused(self, value: str | None) -> None:
        with pytest.raises(BadRequestError, match="Upload-Length"):
            parse_count("Upload-Length", value)


class TestCheckBodyType:
    @pytest.mark.parametrize("value", ["application/offset+octet-stream", "Application/Offset+Octet-Stream; a=b"])
    def test_a_piece_is_taken(self, value: str) -> None:
        check_body_type(value)

    @pytest.mark.parametrize("value", [None, "", "application/octet-stream", "text/plain"])
    def test_anything_else_is_refused(self, value: str | None) -> None:
        with pytest.raises(UnsupportedTypeError):
            check_body_type(value)


class TestParseChecksum:
    def test_without_one_there_is_none(self) -> None:
        assert parse_checksum(None) is None

    @pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
    def test_algorithm_and_digest_are_read(self, algorithm: str) -> None:
        digest = hashlib.new(algorithm, b"abc").digest()
        checksum = parse_checksum(f"{algorithm} {base64.b64encode(digest).decode()}")
        assert checksum is not None
        assert (checksum.algorithm, checksum.digest) == (algorithm, digest)

    @pytest.mark.parametrize("value", ["md5 AAAA", "sha1", "sha1 !!", "sha1 AAAA", "sha256", "", "SHA1 AAAA", "sha1 é"])
    def test_one_that_cannot_be_checked_is_refused(self, value: str) -> None:
        with pytest.raises(BadRequestError, match="Upload-Checksum"):
            parse_checksum(value)


class TestParseMetadata:
    @pytest.mark.parametrize("value", [None, "", "  "])
    def test_there_may_be_none(self, value: str | None) -> None:
        assert parse_metadata(value).encoded == {}

    def test_what_we_understand_is_decoded(self) -> None:
        corpus_id, sha256 = uuid.uuid4(), hashlib.sha256(b"abc")
        read = parse_metadata(metadata(name="birds", corpus_id=str(corpus_id), sha256=sha256.hexdigest().upper()))
        assert (read.name, read.corpus_id, read.sha256) == ("birds", corpus_id, sha256.digest())

    @pytest.mark.parametrize(
        ("values", "name"),
        [
            ({"filename": "birds.v2.tar.gz"}, "birds.v2"),
            ({"filename": "C:\\photos\\birds.ZIP"}, "birds"),
            ({"filename": "photos/birds.tar"}, "birds"),
            ({"name": "birds.zip", "filename": "birds.zip"}, "birds"),
            ({"name": "my birds.zip", "filename": "b.zip"}, "my birds.zip"),
            ({"filename": "Vögel.tgz"}, "Vögel"),
            ({"name": " birds "}, "birds"),
            ({"type": "zip"}, None),
        ],
    )
    def test_a_name_comes_before_a_file_name(self, values: dict[str, str], name: str | None) -> None:
        assert parse_metadata(metadata(**values)).name == name

    @pytest.mark.parametrize(
        "value",
        [
            "name !!!!",
            "name YQ==,name YQ==",
            "name YQ=",
            ", name YQ==",
            "name YQ==,",
            "name YQ== YQ==",
            "name",  # an empty value is no name
            "x" * 5000,
            "käse YQ==",
            metadata(name="a\r\nX-Evil: 1"),
            metadata(name="a" * 201),
            "name //4=",  # not UTF-8
            metadata(corpus_id="../.."),
            metadata(name="a", sha256="abc"),
        ],
    )
    def test_what_is_malformed_is_refused(self, value: str) -> None:
        with pytest.raises(BadRequestError, match="Upload-Metadata"):
            parse_metadata(value)


class TestFormatMetadata:
    @pytest.mark.parametrize("value", ["filename YS56aXA=", "filename YS56aXA=,is_confidential", "a,b YQ=="])
    def test_it_gives_back_what_was_parsed(self, value: str) -> None:
        assert format_metadata(parse_metadata(value).encoded) == value


class TestDecodeMetadata:
    def test_what_is_no_text_is_shown_all_the_same(self) -> None:
        assert decode_metadata({"a": "YQ==", "b": "/w==", "c": ""}) == {"a": "a", "b": "\ufffd", "c": ""}
