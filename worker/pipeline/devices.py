"""Where to compute, found out without importing torch into a process of the pool."""

import os
from pathlib import Path

_NVIDIA = Path("/proc/driver/nvidia/gpus")


def choose_device(setting: str) -> str:
    """`cpu` or `cuda`. `auto` takes an accelerator that the driver shows and CUDA_VISIBLE_DEVICES does not hide."""
    if setting != "auto":
        return setting
    is_hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}
    has_gpu = _NVIDIA.is_dir() and any(_NVIDIA.iterdir())
    return "cuda" if has_gpu and not is_hidden else "cpu"
