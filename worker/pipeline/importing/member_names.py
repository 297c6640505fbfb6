"""Names inside an archive: which are refused, which are ignored, and how two of them compare."""

import re
import unicodedata

from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode

_DRIVE = re.compile(r"^[A-Za-z]:")
_MAX_BYTES = 1024
_MAX_DEPTH = 32
_JUNK_FOLDERS = frozenset({"__MACOSX"})
_JUNK_NAMES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})


def canonical_name(name: str) -> str:
    r"""The name by which a member is found: `/` between the parts, no `.` parts, composed Unicode (NFC).

    Nothing is ever written under this name; the check is there because a name that tries to leave the archive's folder
    means that the archive was made to harm.

    Args:
        name: the member's name as the archive holds it. `\` counts as `/`.

    Raises:
        ArchiveRefusedError: `unsafe_path`.
    """
    slashed = name.replace("\\", "/")
    parts = [part for part in slashed.split("/") if part not in ("", ".")]
    fault = _fault(slashed, parts)
    if fault is not None:
        raise ArchiveRefusedError(RefusalCode.UNSAFE_PATH, f"archive member {printable(name)!r}: {fault}")
    return unicodedata.normalize("NFC", "/".join(parts))


def is_junk(canonical: str) -> bool:
    """Whether an operating system left this member behind on its own (`__MACOSX/`, `.DS_Store`, `Thumbs.db`)."""
    *folders, name = canonical.split("/")
    return name.lower() in _JUNK_NAMES or name.startswith("._") or not _JUNK_FOLDERS.isdisjoint(folders)


def _fault(slashed: str, parts: list[str]) -> str | None:
    if "\0" in slashed:
        return "its name holds a NUL character"
    if slashed.startswith("/"):
        return "its name is an absolute path, expected one relative to the archive"
    if _DRIVE.match(slashed):
        return "its name starts with a drive letter, expected a path relative to the archive"
    if ".." in parts:
        return "its name holds '..', expected a path that stays inside the archive"
    if len(parts) > _MAX_DEPTH:
        return f"its name has {len(parts)} parts, at most {_MAX_DEPTH} are allowed"
    if len(slashed.encode("utf-8", "surrogatepass")) > _MAX_BYTES:
        return f"its name is longer than {_MAX_BYTES} bytes"
    return None
