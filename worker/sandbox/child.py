"""A decoder: reads images from standard input, answers on standard output. Started by `ImageSandbox` alone.

A request is the number of bytes (8, little-endian) and the bytes. An answer is the number of bytes of a JSON object (4,
little-endian), the number of bytes of the normal form (4), and both. The first answer, an empty one, says that the
decoder is ready. It ends when its input does, so with its parent at the latest.
"""

import json
import sys
from dataclasses import asdict
from typing import IO, Any

from PIL import Image, TiffImagePlugin, WebPImagePlugin

from worker.sandbox.confinement import allow_cpu, confine_process
from worker.sandbox.normalising import ImageRefusedError, NormalisedImage, normalise_image

_LENGTH_BYTES = 8
_ANSWER_LENGTH_BYTES = 4


def main() -> None:
    """Answer until the input ends. Arguments: pixels, mebibytes of memory, seconds of processor time a file."""
    max_pixels, memory_mib, cpu_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    Image.preinit()
    assert {TiffImagePlugin.TiffImageFile.format, WebPImagePlugin.WebPImageFile.format} <= set(Image.OPEN)
    confine_process(memory_mib=memory_mib)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    _answer(answers, {}, b"")
    while header := requests.read(_LENGTH_BYTES):
        data = requests.read(int.from_bytes(header, "little"))
        allow_cpu(cpu_s)
        _answer(answers, *_decode(data, max_pixels))


def _decode(data: bytes, max_pixels: int) -> tuple[dict[str, Any], bytes]:  # Any: JSON
    try:
        found: NormalisedImage = normalise_image(data, max_pixels=max_pixels)
    except ImageRefusedError as error:
        return {"code": error.code.value, "detail": error.detail}, b""
    return {"facts": asdict(found.facts), "is_plain": found.normal is None}, found.normal or b""


def _answer(answers: IO[bytes], told: dict[str, Any], normal: bytes) -> None:  # Any: JSON
    text = json.dumps(told).encode()
    for part in (text, normal):
        answers.write(len(part).to_bytes(_ANSWER_LENGTH_BYTES, "little"))
    answers.write(text)
    answers.write(normal)
    answers.flush()


if __name__ == "__main__":
    main()
