"""What the service makes of files that are made to harm it, through its real upload path.

    python benchmarks/hostile.py [--pillow pillow-13.0.0.tar.gz]

Starts its own `mispair up`. Uploaded are Pillow's own test images (from its source distribution, fetched by pip unless
given) in corpora of 200, the archives of CPython's tests of zip and tar, and what `tests/hostile` generates. Each must
be refused with a 4xx, fail with a code, or become a corpus whose rows add up. An answer of 5xx and a job that ends by
a fault of ours count as server errors. Working folder, HOME and TMPDIR of the stack are watched: nothing may be written
there, nor anything that bears the mark of a hostile name above them.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from measuring import PeakMemory, describe_machine, print_result, print_table, running_stack, seconds_since

from mispair import Client
from mispair.answers import Corpus
from mispair.errors import JobFailedError, MispairError, RefusedError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the generators are the tests' own
from tests.hostile import (
    HostileArchive,
    HostileImage,
    corpus_of,
    giant_tables,
    hostile_images,
    hostile_tables,
    hostile_tars,
    hostile_zips,
)
from tests.hostile.items import MARKER

_IMAGES_A_CORPUS = 200
_PILLOW_IMAGES = "Tests/images/"
_FAULT_OF_OURS = "interrupted"  # after three attempts that ended unexpectedly


@dataclass(frozen=True)
class _Upload:
    """One archive to send: `n_files` hostile files of a kind, and what is expected where that is known."""

    kind: str
    name: str
    data: bytes
    n_files: int = 1
    n_rows: int | None = None
    expected: HostileArchive | None = None


@dataclass
class _Tally:
    """What became of the files of one kind."""

    n_files: int = 0
    refused: int = 0
    failed: int = 0
    imported: int = 0
    server_errors: int = 0
    unaccounted: int = 0
    unexpected: int = 0
    codes: Counter[str] = field(default_factory=Counter)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pillow", type=Path, help="Pillow's source distribution; default: pip fetches it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mispair-hostile-", dir="/tmp") as name:  # sockets need a short path
        folder = Path(name)
        uploads = list(_uploads(folder, asked.pillow))
        watched = [folder / place for place in ("cwd", "home", "tmp")]
        for place in watched:
            place.mkdir()
        started_at = time.monotonic()
        environment = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
        with (
            running_stack(folder / "data", "--no-demo", cwd=folder / "cwd", environment=environment) as stack,
            PeakMemory(stack.process.pid) as memory,
        ):
            stack.wait_for("READY")
            with Client(data=folder / "data") as client:
                tallies = _send_all(client, uploads, folder / "upload")
        outside = _outside(watched, folder)
        _print(tallies, memory.by_process(), outside, seconds_since(started_at))


def _uploads(folder: Path, pillow: Path | None) -> Iterator[_Upload]:
    yield from _image_uploads("Pillow's images", list(_pillow_images(pillow or _fetched(folder))))
    yield from _image_uploads("generated images", list(hostile_images()))
    for kind, made in (
        ("zips", hostile_zips),
        ("tars", hostile_tars),
        ("tables", hostile_tables),
        ("tables", giant_tables),
    ):
        for item in made():
            yield _Upload(f"generated {kind}", item.name, item.data, expected=item)
    captured = folder / "cpython"
    subprocess.run([sys.executable, "-m", "tests.hostile.cpython_archives", str(captured)], check=True, cwd=_root())
    for path in sorted(captured.iterdir()):
        yield _Upload("CPython's archives", path.name, path.read_bytes())


def _root() -> Path:
    return Path(__file__).resolve().parents[1]


def _fetched(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "pillow"]
    subprocess.run([*pip, "--dest", str(folder / "pillow")], check=True)
    return next((folder / "pillow").iterdir())


def _pillow_images(sdist: Path) -> Iterator[HostileImage]:
    with tarfile.open(sdist) as archive:
        for member in archive:
            inside = PurePosixPath(member.name).as_posix().partition("/")[2]
            file = archive.extractfile(member) if member.isfile() and inside.startswith(_PILLOW_IMAGES) else None
            if file is not None:
                yield HostileImage(inside.removeprefix(_PILLOW_IMAGES), file.read(), None)


def _image_uploads(kind: str, images: list[HostileImage]) -> Iterator[_Upload]:
    for start in range(0, len(images), _IMAGES_A_CORPUS):
        part = images[start : start + _IMAGES_A_CORPUS]
        yield _Upload(kind, f"{kind} from {start}", corpus_of(part), n_files=len(part), n_rows=len(part))


def _send_all(client: Client, uploads: list[_Upload], path: Path) -> dict[str, _Tally]:
    """Upload everything, then wait for each; the imports run meanwhile."""
    tallies: dict[str, _Tally] = {}
    sent: list[tuple[_Upload, Corpus]] = []
    for upload in uploads:
        tally = tallies.setdefault(upload.kind, _Tally())
        tally.n_files += upload.n_files
        path.write_bytes(upload.data)
        try:
            sent.append((upload, client.upload(client.create_corpus(upload.name[:80]).id, path)))
        except RefusedError as error:
            tally.refused += upload.n_files
            tally.codes[error.code] += 1
            if error.status >= 500:
                _complain(tally, upload, str(error), is_server_error=True)
        except MispairError as error:
            _complain(tally, upload, str(error), is_server_error=True)
    for upload, corpus in sent:
        _settle(client, upload, corpus, tallies[upload.kind])
    return tallies


def _settle(client: Client, upload: _Upload, corpus: Corpus, tally: _Tally) -> None:
    try:
        _count_rows(client, upload, client.wait_for(corpus), tally)
    except JobFailedError as error:
        tally.failed += upload.n_files
        tally.codes[error.code] += 1
        if error.code == _FAULT_OF_OURS:
            _complain(tally, upload, str(error), is_server_error=True)
        elif not error.code or not str(error):
            tally.unaccounted += 1
            _complain(tally, upload, "failed without a code")
        elif upload.expected is not None and upload.expected.refusal != error.code:
            _complain(tally, upload, f"refused as {error.code}, expected {upload.expected}")
    except MispairError as error:
        _complain(tally, upload, str(error), is_server_error=True)


def _count_rows(client: Client, upload: _Upload, corpus: Corpus, tally: _Tally) -> None:
    version = corpus.version
    assert version is not None
    tally.imported += upload.n_files
    codes = Counter(rejection.code for rejection in client.rejections(corpus.id))
    tally.codes += codes
    tally.codes["accepted"] += version.n_accepted
    n_missing = abs(version.n_read - version.n_accepted - codes.total())
    if upload.n_rows is not None:
        n_missing += abs(upload.n_rows - version.n_read)
    tally.unaccounted += n_missing + codes[""]
    if n_missing:
        _complain(tally, upload, f"{n_missing} rows are neither accepted nor rejected")
    wanted = upload.expected
    if wanted is not None and (wanted.refusal, wanted.n_accepted, Counter(wanted.rejected)) != (
        None,
        version.n_accepted,
        codes,
    ):
        _complain(tally, upload, f"accepted {version.n_accepted}, rejected {dict(codes)}, expected otherwise")


def _complain(tally: _Tally, upload: _Upload, what: str, *, is_server_error: bool = False) -> None:
    tally.unexpected += 1
    tally.server_errors += is_server_error
    print(f"  {upload.kind}, {upload.name}: {what[:300]}", flush=True)


def _outside(watched: list[Path], folder: Path) -> list[Path]:
    """What was written where nothing should be."""
    found = [path for place in watched for path in place.rglob("*")]
    for place in (folder, *folder.parents, Path.home(), Path.cwd()):
        found += place.glob(f"*{MARKER}*")
    return found


def _print(tallies: dict[str, _Tally], peaks: list[tuple[str, float]], outside: list[Path], seconds: float) -> None:
    print(f"\nmachine: {describe_machine()}\nseconds: {seconds}\n")
    headers = (
        "files",
        "number",
        "refused at upload",
        "failed",
        "imported",
        "server errors",
        "unaccounted",
        "unexpected",
    )
    counts = [
        (kind, t.n_files, t.refused, t.failed, t.imported, t.server_errors, t.unaccounted, t.unexpected)
        for kind, t in tallies.items()
    ]
    print_table(headers, counts)
    print()
    codes = sum((tally.codes for tally in tallies.values()), Counter[str]())
    print_table(("code", "archives or rows"), codes.most_common())
    print()
    print_table(("process", "peak MiB"), [(name, round(mib)) for name, mib in peaks])
    print()
    for path in outside:
        print(f"  written outside: {path}")
    workers = [mib for name, mib in peaks if "worker" in name or "celery" in name]
    result = {
        "files": sum(tally.n_files for tally in tallies.values()),
        "server_errors": sum(tally.server_errors for tally in tallies.values()),
        "unaccounted": sum(tally.unaccounted for tally in tallies.values()),
        "unexpected": sum(tally.unexpected for tally in tallies.values()),
        "outside": len(outside),
        "worst_rss_mib": round(max(workers)),
    }
    print_result(result)


if __name__ == "__main__":
    main()
