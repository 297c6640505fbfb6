"""What kind of archive a body is, from its first bytes."""

import zlib

from backports import zstd

from app.core.errors import InvalidPayloadError, UnsupportedTypeError

# Enough for every magic below, and for the longest header that a gzip program writes before the first data.
HEAD_BYTES = 8 * 1024

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # with members, without any
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_COMPRESSED = {_GZIP: "tar.gz", _ZSTD: "tar.zst"}
_PARQUET = b"PAR1"
_TAR_MAGIC, _TAR_MAGIC_OFFSET = b"ustar", 257
_TAR_HEAD = _TAR_MAGIC_OFFSET + len(_TAR_MAGIC)
_GZIP_WINDOW = 31  # zlib's way of saying: with a gzip header
_ZSTD_WINDOW_LOG = 27  # as the import takes it; a header may ask for gigabytes


def archive_kind(head: bytes) -> str:
    """What the whole body is that starts with, or consists of, `head`: `zip`, `tar`, `tar.gz`, `tar.zst` or
    `parquet`.

    Raises:
        InvalidPayloadError: the body is empty.
        UnsupportedTypeError: it is none of these.
    """
    if not head:
        raise InvalidPayloadError("body: empty; send the archive's bytes", code="empty_body")
    kind = _known_kind(head)
    if kind is None:
        raise UnsupportedTypeError(
            f"body: starts with {head[:8].hex(' ')}, which is not an archive; allowed are zip, tar, tar.gz, "
            "tar.zst and parquet",
            code="unsupported_archive",
        )
    return kind


def early_archive_kind(head: bytes) -> str | None:
    """`archive_kind` as early as the bytes allow; None while more of them are needed to tell."""
    kind = _known_kind(head)
    if kind is not None:
        return kind
    is_compressed = head.startswith(tuple(_COMPRESSED))
    is_undecided = len(_unpacked_head(head) if is_compressed else head) < _TAR_HEAD
    return None if is_undecided and len(head) < HEAD_BYTES else archive_kind(head)


def _known_kind(head: bytes) -> str | None:
    if head.startswith(_ZIP):
        return "zip"
    if head.startswith(_PARQUET):
        return "parquet"
    for start, kind in _COMPRESSED.items():
        if head.startswith(start):
            return kind if _is_tar(_unpacked_head(head)) else None
    return "tar" if _is_tar(head) else None


def _is_tar(head: bytes) -> bool:
    return head[_TAR_MAGIC_OFFSET:_TAR_HEAD] == _TAR_MAGIC


def _unpacked_head(head: bytes) -> bytes:
    try:
        if head.startswith(_GZIP):
            return zlib.decompressobj(_GZIP_WINDOW).decompress(head, _TAR_HEAD)
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
        return zstd.ZstdDecompressor(options=options).decompress(head, max_length=_TAR_HEAD)
    except (zlib.error, zstd.ZstdError):
        return b"\x00" * _TAR_HEAD  # damaged at its very start: no tar, and no need to wait for more
