"""What a confined process can no longer do, tried in a process of its own."""

import subprocess
import sys

import pytest

_CONFINED = """
import errno, os, socket, subprocess, sys
from worker.sandbox.confinement import allow_cpu, confine_process
assert confine_process(memory_mib=300)
"""

_EPERM = "except PermissionError: sys.exit(7)"


def _status(code: str) -> int:
    return subprocess.run([sys.executable, "-c", _CONFINED + code], check=False, capture_output=True).returncode


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.socket()",
        "socket.create_connection(('127.0.0.1', 1))",
        "os.execv('/bin/true', ['true'])",
        "subprocess.run(['/bin/true'])",
    ],
)
def test_it_reaches_no_network_and_starts_no_program(attempt: str) -> None:
    assert _status(f"try:\n    {attempt}\n{_EPERM}") == 7


def test_it_writes_no_file() -> None:
    code = "try:\n    open('/tmp/mispair-confined', 'wb', buffering=0).write(b'x')\nexcept OSError as error:\n"
    assert _status(code + "    sys.exit(error.errno == errno.EFBIG and 7)") == 7


def test_it_has_no_more_memory() -> None:
    assert _status("try:\n    bytes(400 * 2**20)\nexcept MemoryError: sys.exit(7)") == 7


def test_out_of_processor_time_it_ends() -> None:
    assert _status("allow_cpu(0.1)\nwhile True: pass") == -24


def test_what_a_decoder_needs_still_works() -> None:
    assert _status("import zlib, threading\nzlib.compress(b'x' * 10**6)\nsys.exit(7)") == 7
