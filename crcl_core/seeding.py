"""Named, independent random streams: the same seed and names give the same numbers, whatever ran before."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def generator(seed: int, *names: str | int) -> torch.Generator:
    """Builds the CPU generator of one named stream.

    It lives on the CPU on purpose: numbers drawn there are the same on every device.

    Args:
        seed: Seed of the run.
        names: Path of the stream, for example `("round", 2, "order")`.

    Returns:
        A fresh generator; the caller owns it.
    """
    stream = torch.Generator(device="cpu")
    stream.manual_seed(stream_seed(seed, *names))
    return stream


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """Builds the NumPy generator of one named stream; see `generator`."""
    return np.random.default_rng(stream_seed(seed, *names))


def stream_seed(seed: int, *names: str | int) -> int:
    """Derives the seed of a named stream, in [0, 2^63).

    A hash rather than `seed + k`: neighbouring seeds must not share streams, and a new stream must not move the others.
    """
    # The separator cannot be confused with part of a name, because every name is length-prefixed.
    path = "".join(f"{len(text)}:{text}" for text in (str(seed), *map(str, names)))
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "big") >> 1


@contextmanager
def seeded_layers(device: torch.device, seed: int, *names: str | int) -> Iterator[None]:
    """Gives the layers that draw from PyTorch's global generators (dropout) a named stream, and restores those after.

    Args:
        device: Device of the layers; its generator is seeded and restored beside the CPU's.
        seed: Seed of the run.
        names: Path of the stream.
    """
    is_cpu = device.type == "cpu"
    with torch.random.fork_rng(devices=[] if is_cpu else [device], device_type="cuda" if is_cpu else device.type):
        torch.manual_seed(stream_seed(seed, *names))
        yield
