"""The headers of the tus protocol, parsed once at the door."""

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.core.errors import UnsupportedTypeError
from app.core.models import CorpusFormat
from app.uploads.errors import BadRequestError

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
BODY_TYPE = "application/offset+octet-stream"
CHECKSUM_ALGORITHMS = ("sha1", "sha256")

_MAX_METADATA_CHARS = 4096
_MAX_NAME_CHARS = 200
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,64}")  # printable ASCII without space and comma
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_ARCHIVE_SUFFIX = re.compile(r"(?i)\.(zip|tar|tgz|tar\.gz|tzst|tar\.zst|parquet)$")


@dataclass(frozen=True)
class Checksum:
    """What the bytes of one request hash to."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True)
class Metadata:
    """What a client says about an upload.

    Attributes:
        encoded: every key with its value in base64, as it came.
        corpus_id: the corpus that the archive is for; None: a new one.
        name: of the new corpus, where the client gave one.
        sha256: of the whole file, where the client gave it.
        corpus_format: of the new corpus, where the client knows it.
        is_append: whether the archive is added to the corpus, which is ready, as a new version.
    """

    encoded: Mapping[str, str] = field(default_factory=dict)
    corpus_id: uuid.UUID | None = None
    name: str | None = None
    sha256: bytes | None = None
    is_append: bool = False
    corpus_format: CorpusFormat | None = None


def parse_count(name: str, value: str | None) -> int:
    """A header that holds a number of bytes.

    Raises:
        BadRequestError: it is missing, or no such number.
    """
    if value is None:
        raise BadRequestError(f"{name}: missing; expected a number of bytes")
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise BadRequestError(f"{name}: {value[:40]!r}; expected a number of bytes")
    return int(value)


def check_body_type(content_type: str | None) -> None:
    """Refuse a body that is not said to be a piece of an upload."""
    if (content_type or "").split(";")[0].strip().lower() != BODY_TYPE:
        raise UnsupportedTypeError(f"Content-Type: {(content_type or 'none')[:100]!r}; expected {BODY_TYPE}")


def parse_checksum(value: str | None) -> Checksum | None:
    """`Upload-Checksum`: an algorithm and a hash in base64."""
    if value is None:
        return None
    algorithm, _, encoded = value.strip().partition(" ")
    if algorithm not in CHECKSUM_ALGORITHMS:
        raise BadRequestError(
            f"Upload-Checksum: algorithm {algorithm[:40]!r}; allowed are {', '.join(CHECKSUM_ALGORITHMS)}",
            code="unknown_checksum",
        )
    digest = _decoded("Upload-Checksum", encoded)
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise BadRequestError(f"Upload-Checksum: {len(digest)} bytes, which is no {algorithm}")
    return Checksum(algorithm, digest)


def parse_metadata(value: str | None) -> Metadata:
    """`Upload-Metadata`: pairs of a key and a value in base64, separated by commas.

    Raises:
        BadRequestError: it is malformed, or `corpus_id`, `append`, `format`, `name`, `filename` or
            `sha256` in it is.
    """
    if value is None or not value.strip():
        return Metadata()
    if len(value) > _MAX_METADATA_CHARS:
        raise BadRequestError(f"Upload-Metadata: {len(value)} characters, at most {_MAX_METADATA_CHARS} are allowed")
    encoded: dict[str, str] = {}
    for pair in value.split(","):
        key, _, text = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in encoded:
            raise BadRequestError(f"Upload-Metadata: {key[:40]!r} is no key, or comes twice")
        _decoded(f"Upload-Metadata: {key}", text)
        encoded[key] = text
    return Metadata(
        encoded,
        corpus_id=_corpus_id(encoded),
        # A file may have a long name where no corpus is named after it.
        name=None if "corpus_id" in encoded and "name" not in encoded else _name(encoded),
        sha256=_sha256(encoded),
        is_append=_is_append(encoded),
        corpus_format=_format(encoded),
    )


def format_metadata(encoded: Mapping[str, str]) -> str:
    """The header that `parse_metadata` reads."""
    return ",".join(f"{key} {text}".rstrip() for key, text in encoded.items())


def decode_metadata(encoded: Mapping[str, str]) -> dict[str, str]:
    """Keys and values as text; what is not UTF-8 is shown with replacement characters."""
    return {key: base64.b64decode(text).decode(errors="replace") for key, text in encoded.items()}


def _corpus_id(encoded: Mapping[str, str]) -> uuid.UUID | None:
    text = _text(encoded, "corpus_id")
    if text is None:
        return None
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise BadRequestError(f"Upload-Metadata: corpus_id {text[:40]!r} is no id") from error


def _is_append(encoded: Mapping[str, str]) -> bool:
    text = _text(encoded, "append") or "false"
    if text not in ("true", "false"):
        raise BadRequestError(f"Upload-Metadata: append {text[:40]!r}; expected true or false")
    if text == "true" and "corpus_id" not in encoded:
        raise BadRequestError("Upload-Metadata: append without corpus_id; which corpus gets the rows?")
    return text == "true"


def _format(encoded: Mapping[str, str]) -> CorpusFormat | None:
    text = _text(encoded, "format")
    if text is None:
        return None
    if "corpus_id" in encoded:
        raise BadRequestError("Upload-Metadata: format with corpus_id; a corpus has the format that it was made with")
    if text not in set(CorpusFormat):
        raise BadRequestError(
            f"Upload-Metadata: format {text[:40]!r}; allowed are {', '.join(CorpusFormat)}", code="unknown_format"
        )
    return CorpusFormat(text)


def _sha256(encoded: Mapping[str, str]) -> bytes | None:
    text = _text(encoded, "sha256")
    if text is None:
        return None
    if not _SHA256.fullmatch(text):
        raise BadRequestError(f"Upload-Metadata: sha256 {text[:70]!r}; expected 64 hexadecimal digits")
    return bytes.fromhex(text)


def _name(encoded: Mapping[str, str]) -> str | None:
    """What a person called the corpus, else the file's name without what every archive ends in."""
    name, filename = _text(encoded, "name"), _text(encoded, "filename")
    if name is None or name == filename:
        name = filename and _ARCHIVE_SUFFIX.sub("", filename.replace("\\", "/").rsplit("/", 1)[-1])
    if name is None:
        return None
    name = name.strip()
    if not name or len(name) > _MAX_NAME_CHARS or _CONTROL.search(name):
        raise BadRequestError(
            f"Upload-Metadata: name of {len(name)} characters; expected one line of 1 to {_MAX_NAME_CHARS}"
        )
    return name


def _text(encoded: Mapping[str, str], key: str) -> str | None:
    if key not in encoded:
        return None
    try:
        return base64.b64decode(encoded[key]).decode()
    except UnicodeDecodeError as error:
        raise BadRequestError(f"Upload-Metadata: {key} is not UTF-8") from error


def _decoded(what: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequestError(f"{what}: not base64") from error
