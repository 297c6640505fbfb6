"""How fast one large upload is stored, and how much memory the API takes for it.

    python benchmarks/upload.py

Starts its own `mispair up` on an empty data folder and stops it at the end. The client is the one of `mispair upload`,
on loopback; the clock runs from the creation of the upload until the server has fsynced, hashed and accepted all of it.
What is sent is a sparse file, so that the disk is not read meanwhile. Beside it, on the same disk and in the same run,
what the machine gives at most: the same bytes over a plain socket, written and fsynced every 16 MiB by a process that
does nothing else.
"""

import argparse
import multiprocessing
import os
import socket
import tempfile
import time
from pathlib import Path

from measuring import PeakMemory, describe_machine, print_result, print_table, running_stack

from mispair import Client
from mispair.upload_source import open_source

_MIB = 1024 * 1024
_STEP_BYTES = 16 * _MIB


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=4096, help="how much to upload")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where to store; a short path")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mispair-upload-", dir=asked.folder) as folder:
        archive = Path(folder) / "large.zip"
        archive.write_bytes(b"PK\x03\x04")
        os.truncate(archive, asked.mib * _MIB)
        plain_s = _send_plainly(archive, Path(folder) / "plain")
        upload_s, rss_mib = _upload(archive, Path(folder) / "data")
    n_mb = asked.mib * _MIB / 1e6
    print(f"\nmachine: {describe_machine()}\nupload: {asked.mib} MiB on loopback\n")
    rows = [("mispair", n_mb / upload_s), ("plain socket, written and fsynced", n_mb / plain_s)]
    print_table(("way", "MB/s"), [(way, round(rate)) for way, rate in rows])
    print(f"\nratio: {plain_s / upload_s:.2f}; peak resident memory of the API: {rss_mib:.0f} MiB\n")
    print_result({"mb_per_s": round(n_mb / upload_s), "api_peak_rss_mib": round(rss_mib)})


def _upload(archive: Path, data: Path) -> tuple[float, float]:
    """Seconds of an upload, and the API's peak memory in MiB."""
    with running_stack(data, "--no-demo") as stack, PeakMemory(stack.process.pid) as memory:
        stack.wait_for("READY")
        with Client(data=data) as client:
            started_at = time.monotonic()
            client.upload_resumably(open_source(archive), name="large")
            seconds = time.monotonic() - started_at
        time.sleep(0.3)  # one more look at the memory
    return seconds, dict(memory.by_process())["uvicorn"]


def _send_plainly(archive: Path, target: Path) -> float:
    """Seconds that the same bytes take over a socket to a process that only writes them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver = multiprocessing.Process(target=_receive, args=(listener, target))
        receiver.start()
        started_at = time.monotonic()
        with socket.create_connection(listener.getsockname()) as connection, archive.open("rb") as file:
            while chunk := file.read(_MIB):
                connection.sendall(chunk)
        receiver.join()
        seconds = time.monotonic() - started_at
    target.unlink()
    return seconds


def _receive(listener: socket.socket, target: Path) -> None:
    connection, _ = listener.accept()
    with connection, target.open("wb", buffering=0) as file:
        n_unsynced = 0
        while chunk := connection.recv(_MIB):
            n_unsynced += file.write(chunk)
            if n_unsynced >= _STEP_BYTES:
                os.fdatasync(file.fileno())
                n_unsynced = 0
        os.fdatasync(file.fileno())


if __name__ == "__main__":
    main()
