"""Real decoders in child processes, fed with what breaks them."""

import io
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from tests.worker.archives import image_bytes
from worker.sandbox.image_sandbox import ImageSandbox, SandboxLimits
from worker.sandbox.normalising import ImageRefusedError, normalise_image

_LIMITS = SandboxLimits(max_pixels=60_000_000, memory_mib=400, cpu_s=1.0, wall_s=4.0, files_a_child=50)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ImageSandbox]:
    with ImageSandbox(_LIMITS) as opened:
        yield opened


def _refusal(sandbox: ImageSandbox, data: bytes) -> str:
    with pytest.raises(ImageRefusedError) as caught:
        sandbox.normalise(data)
    return caught.value.code.value


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def _decoder_ids(sandbox: ImageSandbox) -> list[int]:
    return [decoder._process.pid for decoder in sandbox._all]


class TestNormalise:
    @pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
    def test_it_answers_what_decoding_here_would(self, sandbox: ImageSandbox, image_format: str) -> None:
        data = image_bytes(side_px=20, image_format=image_format)
        assert sandbox.normalise(data) == normalise_image(data, max_pixels=_LIMITS.max_pixels)

    def test_what_is_no_image_is_refused_and_the_decoder_goes_on(self, sandbox: ImageSandbox) -> None:
        sandbox.normalise(image_bytes())
        before = _decoder_ids(sandbox)
        assert [_refusal(sandbox, data) for data in (b"", b"<html>", b"\xff\xd8\xff")] == [
            "not_an_image",
            "not_an_image",
            "truncated_image",
        ]
        assert _decoder_ids(sandbox) == before

    def test_an_image_that_needs_too_much_memory_costs_itself_only(self) -> None:
        file = io.BytesIO()
        Image.new("1", (10_000, 6_000)).convert("P").save(file, "PNG")  # 60 MB decoded, 240 MB as RGB
        tight = SandboxLimits(max_pixels=10**9, memory_mib=120)
        with ImageSandbox(tight) as small:
            assert _refusal(small, file.getvalue()) in {"image_too_large", "truncated_image", "decoder_died"}
            assert small.normalise(image_bytes()).facts.n_frames == 1

    def test_several_threads_have_a_decoder_each(self) -> None:
        together = threading.Barrier(3)

        def width(opened: ImageSandbox) -> int:
            together.wait(timeout=5)
            return opened.normalise(image_bytes(side_px=300)).facts.width_px

        with ImageSandbox(_LIMITS) as opened, ThreadPoolExecutor(3) as pool:
            assert list(pool.map(width, [opened] * 3)) == [300, 300, 300]
            assert 1 <= len(_decoder_ids(opened)) <= 3

    def test_a_decoder_is_replaced_after_so_many_files(self) -> None:
        with ImageSandbox(SandboxLimits(max_pixels=10**6, files_a_child=1)) as sandbox:
            sandbox.normalise(image_bytes())
            assert _decoder_ids(sandbox) == []
            assert sandbox.normalise(image_bytes()).facts.n_frames == 1


class TestADecoderThatEnds:
    def test_killed_it_costs_one_file(self, sandbox: ImageSandbox) -> None:
        sandbox.normalise(image_bytes())
        for process_id in _decoder_ids(sandbox):
            os.kill(process_id, signal.SIGSEGV)
        assert _refusal(sandbox, image_bytes()) == "decoder_died"
        assert sandbox.normalise(image_bytes()).facts.n_frames == 1

    def test_out_of_processor_time_it_is_too_slow(self, sandbox: ImageSandbox) -> None:
        sandbox.normalise(image_bytes())
        for process_id in _decoder_ids(sandbox):
            os.kill(process_id, signal.SIGXCPU)
        assert _refusal(sandbox, image_bytes()) == "decoding_too_slow"

    def test_frozen_it_is_too_slow_and_is_killed(self) -> None:
        with ImageSandbox(SandboxLimits(max_pixels=10**6, wall_s=0.3)) as sandbox:
            with pytest.raises(ImageRefusedError):
                sandbox.normalise(b"")
            (process_id,) = _decoder_ids(sandbox)
            os.kill(process_id, signal.SIGSTOP)
            assert _refusal(sandbox, image_bytes()) == "decoding_too_slow"
            assert not _is_alive(process_id)

    def test_none_is_left_when_the_sandbox_closes(self) -> None:
        with ImageSandbox(_LIMITS) as sandbox:
            sandbox.normalise(image_bytes())
            left = _decoder_ids(sandbox)
            assert all(map(_is_alive, left))
        assert not any(map(_is_alive, left))
        assert left


_READY = "answer(b'{}', b'')\n"
_READ = "length = int.from_bytes(sys.stdin.buffer.read(8), 'little')\nsys.stdin.buffer.read(length)\n"
_LIAR = """
import sys
def answer(text, normal):
    for part in (text, normal):
        sys.stdout.buffer.write(len(part).to_bytes(4, 'little'))
    sys.stdout.buffer.write(text + normal)
    sys.stdout.buffer.flush()
"""


class TestADecoderThatLies:
    """An image that took its decoder over may answer what it likes; it costs that image and no other."""

    @pytest.mark.parametrize(
        "answer",
        [
            "sys.stdout.buffer.write(b'\\xff' * 8); sys.stdout.buffer.flush()",
            "answer(b'no JSON', b'')",
            "answer(b'{}', b'')",
            "answer(b'[]', b'')",
            """answer(b'{"code": "fine", "detail": ""}', b'')""",
            """answer(b'{"facts": {"width_px": "wide"}, "is_plain": true}', b'')""",
        ],
    )
    def test_it_is_not_believed(self, answer: str) -> None:
        with ImageSandbox(_LIMITS) as sandbox:
            self._put_in(sandbox, _READY + _READ + answer)
            assert _refusal(sandbox, image_bytes()) == "decoder_died"
            assert sandbox.normalise(image_bytes()).facts.n_frames == 1

    def test_an_answer_to_nothing_is_no_answer_to_the_next(self) -> None:
        told = """answer(b'{"code": "not_an_image", "detail": "x"}', b'')\n"""
        with ImageSandbox(_LIMITS) as sandbox:
            liar = self._put_in(sandbox, _READY + _READ + told + told + _READ)
            assert _refusal(sandbox, image_bytes()) == "not_an_image"
            assert liar.stdout is not None
            select.select([liar.stdout], [], [], 5)  # the second answer has come
            assert _refusal(sandbox, image_bytes()) == "decoder_died"

    def _put_in(self, sandbox: ImageSandbox, program: str) -> subprocess.Popen[bytes]:
        decoder = sandbox._take()
        decoder.end()
        decoder._process = subprocess.Popen(
            [sys.executable, "-c", _LIAR + program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        sandbox._give_back(decoder)
        return decoder._process
