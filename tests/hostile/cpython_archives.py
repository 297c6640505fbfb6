"""The archives of CPython's own tests: its data files, and whatever its tests of zip and tar open while they run.

    python -m tests.hostile.cpython_archives FOLDER

writes them to the folder. Where this Python comes without its `test` package there are none.
"""

import hashlib
import io
import os
import sys
import tarfile
import tempfile
import unittest
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_SUFFIXES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"})
_LARGEST_BYTES = 8 * 2**20
# The second name is that of newer versions.
_SUITES = (
    ("test.test_tarfile.TestExtractionFilters",),
    ("test.test_tarfile.MiscReadTest",),
    ("test.test_tarfile.StreamReadTest",),
    ("test.test_tarfile.PaxWriteTest",),
    ("test.test_tarfile.GNUWriteTest",),
    ("test.test_zipfile.OtherTests", "test.test_zipfile.test_core.OtherTests"),
    ("test.test_zipfile.StoredBadCrcTests", "test.test_zipfile.test_core.StoredBadCrcTests"),
    ("test.test_zipfile.DeflateBadCrcTests", "test.test_zipfile.test_core.DeflateBadCrcTests"),
    ("test.test_zipfile.DecryptionTests", "test.test_zipfile.test_core.DecryptionTests"),
    ("test.test_zipfile.EncodedMetadataTests", "test.test_zipfile.test_core.EncodedMetadataTests"),
    ("test.test_zipfile.StoredTestZip64InSmallFiles", "test.test_zipfile.test_core.StoredTestZip64InSmallFiles"),
    ("test.test_zipfile.TestExtract", "test.test_zipfile.test_core.TestExtract"),
)


def main() -> None:
    """Write the archives, each content once, named by where it comes from."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    found = find_spec("test.test_tarfile")
    if found is None or found.origin is None:
        return
    keeper = _Keeper(folder)
    for path in sorted(Path(found.origin).parent.rglob("*")):
        if path.suffix in _SUFFIXES and path.is_file():
            keeper.keep(path.read_bytes(), path.name)
    with tempfile.TemporaryDirectory() as elsewhere:
        os.chdir(elsewhere)  # its tests write where they stand
        _watch(keeper)
        for names in _SUITES:
            unittest.TextTestRunner(io.StringIO(), resultclass=keeper.result).run(_suite(names))
        os.chdir(folder)


def _suite(names: tuple[str, ...]) -> unittest.TestSuite:
    for name in names:
        loader = unittest.TestLoader()
        suite = loader.loadTestsFromName(name)
        if not loader.errors:
            return suite
    return unittest.TestSuite()


class _Keeper:
    """Writes each content once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: set[bytes] = set()
        self.test = ""

    def keep(self, data: bytes, name: str) -> None:
        digest = hashlib.sha256(data).digest()
        if digest not in self._kept and len(data) <= _LARGEST_BYTES:
            self._kept.add(digest)
            (self._folder / f"{len(self._kept):03d}-{name}").write_bytes(data)

    def result(self, *arguments: Any) -> unittest.TextTestResult:  # Any: what the runner gives its results
        keeper = self

        class Result(unittest.TextTestResult):
            def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's own name
                keeper.test = test.id().rpartition(".")[2]
                super().startTest(test)

        return Result(*arguments)


def _watch(keeper: _Keeper) -> None:
    """From now on, everything that is opened as an archive to be read is kept as well."""
    zip_init: Callable[..., None] = zipfile.ZipFile.__init__
    tar_open: Callable[..., tarfile.TarFile] = tarfile.open

    def init(self: zipfile.ZipFile, file: Any, mode: str = "r", *others: Any, **named: Any) -> None:
        if mode == "r":
            _keep_opened(keeper, file, "zip")
        zip_init(self, file, mode, *others, **named)

    def opened(name: Any = None, mode: str = "r", fileobj: Any = None, *others: Any, **named: Any) -> tarfile.TarFile:
        if mode.startswith("r"):
            _keep_opened(keeper, name if fileobj is None else fileobj, "tar")
        return tar_open(name, mode, fileobj, *others, **named)

    zipfile.ZipFile.__init__ = init  # type: ignore[method-assign]  # to see what the tests open
    tarfile.open = opened


def _keep_opened(keeper: _Keeper, source: Any, kind: str) -> None:  # Any: a path, or a file of any sort
    try:
        if hasattr(source, "read"):
            at = source.tell()
            source.seek(0)
            data = source.read()
            source.seek(at)
        else:
            data = Path(os.fsdecode(source)).read_bytes()
    except (OSError, ValueError, TypeError, AttributeError, EOFError):
        return  # a stream that cannot go back, or a test of what is not there
    if isinstance(data, bytes):
        keeper.keep(data, f"{keeper.test}.{kind}")


if __name__ == "__main__":
    main()
