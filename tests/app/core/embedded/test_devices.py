from pathlib import Path

import pytest

from app.core.embedded.devices import parse_device_list, visible_gpus

_TWO = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb)
"""
_ONE_SPLIT = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa)
  MIG 3g.20gb     Device  0: (UUID: MIG-1111)
  MIG 3g.20gb     Device  1: (UUID: MIG-2222)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb)
"""


class TestParseDeviceList:
    @pytest.mark.parametrize(
        ("listing", "devices"),
        [("", ()), ("No devices found.\n", ()), (_TWO, ("0", "1")), (_ONE_SPLIT, ("MIG-1111", "MIG-2222", "1"))],
    )
    def test_every_device_has_its_name(self, listing: str, devices: tuple[str, ...]) -> None:
        assert parse_device_list(listing) == devices


class TestVisibleGpus:
    @pytest.mark.parametrize(
        ("value", "devices"), [("", ()), ("-1", ()), ("0", ("0",)), ("2, GPU-aa", ("2", "GPU-aa"))]
    )
    def test_a_choice_of_the_user_is_obeyed(self, value: str, devices: tuple[str, ...]) -> None:
        assert visible_gpus({"CUDA_VISIBLE_DEVICES": value}) == devices

    def test_without_driver_there_are_none(self, tmp_path: Path) -> None:
        assert visible_gpus({"PATH": str(tmp_path)}, proc=tmp_path / "none") == ()

    def test_without_nvidia_smi_the_driver_is_asked(self, tmp_path: Path) -> None:
        for name in ("0000:01:00.0", "0000:02:00.0"):
            (tmp_path / "gpus" / name).mkdir(parents=True)
        assert visible_gpus({"PATH": str(tmp_path)}, proc=tmp_path / "gpus") == ("0", "1")

    @pytest.mark.parametrize(("script", "devices"), [("echo 'GPU 0: A (UUID: GPU-a)'", ("0",)), ("exit 9", ())])
    def test_nvidia_smi_is_believed(self, tmp_path: Path, script: str, devices: tuple[str, ...]) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        assert visible_gpus({"PATH": str(tmp_path)}, proc=tmp_path / "none") == devices
