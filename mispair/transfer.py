"""Bytes between disk and wire, a chunk at a time."""

import mimetypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path

OnProgress = Callable[[int, int], None]

_CHUNK_BYTES = 1024 * 1024
_SIGNATURES = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"), (b"BM", "image/bmp"))


def read_in_chunks(path: Path, on_progress: OnProgress | None) -> Iterator[bytes]:
    """Yield a file in chunks of 1 MiB and tell (bytes so far, bytes in all) as each is handed over."""
    n_bytes = path.stat().st_size
    n_sent = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
            n_sent += len(chunk)
            if on_progress is not None:
                on_progress(n_sent, n_bytes)


def save_stream(chunks: Iterator[bytes], target: Path) -> int:
    """Write chunks beside `target`, then move them into place; nothing stays behind when they break off."""
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    n_bytes = 0
    try:
        with aside.open("wb") as file:
            for chunk in chunks:
                n_bytes += file.write(chunk)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return n_bytes


def image_type(path: Path, content: bytes) -> str:
    """The media type of an image file, by its first bytes and else by its name."""
    for signature, media_type in _SIGNATURES:
        if content.startswith(signature):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    guessed = mimetypes.guess_type(path.name)[0] or ""
    return guessed if guessed.startswith("image/") else "image/*"
