"""Which NVIDIA devices are here, found without importing torch (whose import takes seconds and memory)."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_PROC = Path("/proc/driver/nvidia/gpus")
_SMI_TIMEOUT_S = 15.0


def visible_gpus(environment: Mapping[str, str], *, proc: Path = _PROC) -> tuple[str, ...]:
    """The values that CUDA_VISIBLE_DEVICES may take, one a device; empty without a usable GPU.

    Args:
        environment: its CUDA_VISIBLE_DEVICES, where set, is obeyed; its PATH is searched for nvidia-smi.
        proc: where the driver lists its devices, asked when there is no nvidia-smi.
    """
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        devices = [device.strip() for device in chosen.split(",")]
        return tuple(device for device in devices if device not in {"", "-1"})
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None:
        return tuple(str(index) for index in range(len(list(proc.iterdir())))) if proc.is_dir() else ()
    try:
        answer = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=_SMI_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()  # The program is there and the driver is not, or hangs: nothing could train on it.
    return parse_device_list(answer.stdout)


def parse_device_list(listing: str) -> tuple[str, ...]:
    """Read what `nvidia-smi -L` prints: an index a GPU, or the UUID of each MIG slice of one that is split."""
    devices: list[list[str]] = []
    for line in listing.splitlines():
        gpu = re.match(r"GPU (\d+):", line)
        mig_slice = re.match(r"\s+MIG .*\(UUID: (MIG-[^)]+)\)", line)
        if gpu:
            devices.append([gpu[1]])
        elif mig_slice and devices:
            devices[-1].append(mig_slice[1])
    return tuple(name for names in devices for name in (names[1:] or names))
