"""Hands images to confined decoders and takes them back normalised; a decoder that dies costs the file it had."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from queue import LifoQueue
from types import TracebackType
from typing import IO, Any, Self, final

import structlog

from worker.sandbox.normalising import ImageFacts, ImageRefusal, ImageRefusedError, NormalisedImage

log = structlog.get_logger()

_READ_BYTES = 1024 * 1024
_MAX_TEXT_BYTES = 64 * 1024
_MAX_NORMAL_BYTES = 32 * 1024 * 1024
_STARTING_S = 60.0
_ENDING_S = 5.0


@dataclass(frozen=True)
class SandboxLimits:
    """What a decoder may take.

    Attributes:
        max_pixels: of an image.
        memory_mib: address space of a decoder.
        cpu_s: processor time a file.
        wall_s: time a file; a decoder that is not done is killed.
        files_a_child: after so many files a decoder is replaced, so that what it leaks stays small.
    """

    max_pixels: int
    memory_mib: int = 1_024
    cpu_s: float = 10.0
    wall_s: float = 60.0
    files_a_child: int = 5_000


class _DiedError(Exception):
    """The decoder ended before it answered."""


@final
class ImageSandbox:
    """Decoders, started when they are needed, at most as many as threads ask at once. Use as a context manager.

    Args:
        limits: of each.
    """

    def __init__(self, limits: SandboxLimits) -> None:
        self._limits = limits
        self._idle: LifoQueue[_Decoder] = LifoQueue()
        self._all: set[_Decoder] = set()
        self._lock = threading.Lock()

    def normalise(self, data: bytes) -> NormalisedImage:
        """Decode an image in one of the decoders. Safe to call from several threads.

        Raises:
            ImageRefusedError: the image cannot be used: what `normalise_image` refuses, `decoding_too_slow` or
                `decoder_died`.
        """
        decoder = self._take()
        try:
            answer = decoder.normalise(data)
        except ImageRefusedError:
            self._give_back(decoder)
            raise
        except _DiedError:
            self._drop(decoder)
            status = decoder.end()
            log.warning("sandbox.decoder_died", status=status, is_late=decoder.is_late, n_bytes=len(data))
            raise _refusal_of(status, self._limits, is_late=decoder.is_late) from None
        except BaseException:
            self._drop(decoder)
            decoder.end()
            raise
        self._give_back(decoder)
        return answer

    def _take(self) -> "_Decoder":
        with self._lock:
            if not self._idle.empty():
                return self._idle.get_nowait()
            decoder = _Decoder(self._limits)
            self._all.add(decoder)
            return decoder

    def _give_back(self, decoder: "_Decoder") -> None:
        if decoder.n_files < self._limits.files_a_child:
            self._idle.put(decoder)
            return
        self._drop(decoder)
        decoder.end()

    def _drop(self, decoder: "_Decoder") -> None:
        with self._lock:
            self._all.discard(decoder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            decoders, self._all = self._all, set()
        for decoder in decoders:
            decoder.end()


@final
class _Decoder:
    """One child process."""

    def __init__(self, limits: SandboxLimits) -> None:
        self._wall_s = limits.wall_s
        self.n_files = 0
        self.is_late = False
        self._process = subprocess.Popen(
            [
                sys.executable,
                *("-m", "worker.sandbox.child"),
                *(str(limit) for limit in (limits.max_pixels, limits.memory_mib, limits.cpu_s)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries write there what a hostile file makes them say
            start_new_session=True,
        )

    def normalise(self, data: bytes) -> NormalisedImage:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self.n_files == 0:  # Not in the time of the file: starting takes as long as the machine is busy.
            self._read_answer(self._process.stdout, time.monotonic() + _STARTING_S)
        self.n_files += 1
        if _has_input(self._process.stdout):  # an answer to nothing, which the next file would get
            raise _DiedError
        try:
            # A decoder reads a file whole before it decodes, so writing waits for nothing but the copy.
            self._process.stdin.write(len(data).to_bytes(8, "little"))
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError as error:
            raise _DiedError from error
        told, normal = self._read_answer(self._process.stdout, time.monotonic() + self._wall_s)
        try:
            if "code" in told:
                refused = ImageRefusedError(ImageRefusal(told["code"]), str(told["detail"]))
            else:
                return NormalisedImage(_facts(told["facts"]), None if told["is_plain"] else normal)
        except (KeyError, TypeError, ValueError) as error:
            raise _DiedError from error
        raise refused

    def end(self) -> int:
        """Kill it if it lives, and return its exit status: minus the signal where one ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.poll() is None:
            self._process.kill()
        status = self._process.wait()
        for pipe in (self._process.stdout, self._process.stdin):
            with suppress(BrokenPipeError):  # what it never read is still in the buffer
                pipe.close()
        return status

    def _read_answer(self, stream: IO[bytes], until: float) -> tuple[dict[str, Any], bytes]:  # Any: JSON
        """What the decoder says. It may be in the hands of the image, so nothing of it is believed."""
        lengths = self._read(stream, 8, until)
        n_text, n_normal = (int.from_bytes(lengths[part], "little") for part in (slice(0, 4), slice(4, 8)))
        if n_text > _MAX_TEXT_BYTES or n_normal > _MAX_NORMAL_BYTES:
            raise _DiedError
        body = self._read(stream, n_text + n_normal, until)
        try:
            told = json.loads(body[:n_text])
        except ValueError as error:
            raise _DiedError from error
        return told, bytes(body[n_text:])

    def _read(self, stream: IO[bytes], n_bytes: int, until: float) -> bytearray:
        """Exactly so many bytes, from beneath the buffer, for `select` does not see what lies in it."""
        read = bytearray()
        descriptor = stream.fileno()
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        while len(read) < n_bytes:
            if not waiting.poll(max(0.0, until - time.monotonic()) * 1_000):
                self.is_late = True
                raise _DiedError
            data = os.read(descriptor, min(_READ_BYTES, n_bytes - len(read)))
            if not data:
                # The end of its output comes a little before its own, and only the latter says why.
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(timeout=_ENDING_S)
                raise _DiedError
            read += data
        return read


def _facts(told: dict[str, Any]) -> ImageFacts:  # Any: JSON
    return ImageFacts(
        width_px=int(told["width_px"]),
        height_px=int(told["height_px"]),
        media_type=str(told["media_type"]),
        n_frames=int(told["n_frames"]),
    )


def _has_input(stream: IO[bytes]) -> bool:
    waiting = select.poll()
    waiting.register(stream.fileno(), select.POLLIN)
    return any(event & select.POLLIN for _, event in waiting.poll(0))


def _refusal_of(status: int, limits: SandboxLimits, *, is_late: bool) -> ImageRefusedError:
    if is_late:
        return ImageRefusedError(
            ImageRefusal.DECODING_TOO_SLOW, f"decoding the image was not done within {limits.wall_s:g} s"
        )
    if status == -signal.SIGXCPU:
        return ImageRefusedError(
            ImageRefusal.DECODING_TOO_SLOW, f"decoding the image takes more than {limits.cpu_s:g} s of processor time"
        )
    return ImageRefusedError(
        ImageRefusal.DECODER_DIED, f"the decoder of this image ended with status {status}; nothing else is affected"
    )
