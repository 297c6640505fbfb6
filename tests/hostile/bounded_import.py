"""Imports the archives of a folder one by one with little memory, and prints as JSON what became of each.

python -m tests.hostile.bounded_import FOLDER MEBIBYTES
"""

import json
import re
import resource
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

from PIL import Image

from tests.hostile.outcomes import outcome
from worker.sandbox.normalising import normalise_image

_MIB = 2**20


def main() -> None:
    """All that the imports may take is `MEBIBYTES` of address space beyond what the process has now."""
    folder, mebibytes = Path(sys.argv[1]), int(sys.argv[2])
    Image.preinit()
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    kibibytes = re.search(r"VmSize:\s+(\d+)", status)
    assert kibibytes is not None
    limit = int(kibibytes[1]) * 1024 + mebibytes * _MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    found = {}
    with tempfile.TemporaryDirectory() as elsewhere:
        for path in sorted(folder.iterdir()):
            made = outcome(path.read_bytes(), partial(normalise_image, max_pixels=100_000_000), Path(elsewhere))
            found[path.name] = asdict(made)
    print(json.dumps(found))  # noqa: T201 - what the caller reads


if __name__ == "__main__":
    main()
