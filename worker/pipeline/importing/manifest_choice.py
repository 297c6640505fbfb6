"""Which member of an archive is the table of captions."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from worker.pipeline.importing.archive import Member
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.member_names import is_junk
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode

_SUFFIXES = frozenset({".csv", ".tsv", ".jsonl"})
_STEM = "captions"
_LISTED = 5


def choose_manifest(members: Mapping[str, Member], limits: ImportLimits) -> Member:
    """Find `captions.csv`, `.tsv` or `.jsonl` at the shallowest level, else the only such table of any name.

    Raises:
        ArchiveRefusedError: `no_manifest`, `ambiguous_manifest` or `manifest_too_large`.
    """
    tables = [member for member in members.values() if _is_table(member)]
    named = [member for member in tables if PurePosixPath(member.name).stem.lower() == _STEM]
    candidates = _shallowest(named) if named else tables
    if not candidates:
        raise ArchiveRefusedError(
            RefusalCode.NO_MANIFEST,
            f"none of the archive's {len(members)} files is a table of captions, "
            "expected captions.csv, captions.tsv or captions.jsonl",
        )
    if len(candidates) > 1:
        names = ", ".join(printable(member.name) for member in candidates[:_LISTED])
        raise ArchiveRefusedError(
            RefusalCode.AMBIGUOUS_MANIFEST,
            f"the archive holds {len(candidates)} tables that could be meant ({names}), "
            "expected one captions.csv, captions.tsv or captions.jsonl",
        )
    manifest = candidates[0]
    if manifest.n_bytes > limits.max_manifest_bytes:
        raise ArchiveRefusedError(
            RefusalCode.MANIFEST_TOO_LARGE,
            f"{printable(manifest.name)} has {manifest.n_bytes} bytes, at most {limits.max_manifest_bytes} are allowed",
        )
    return manifest


def _is_table(member: Member) -> bool:
    return PurePosixPath(member.name).suffix.lower() in _SUFFIXES and not is_junk(member.name)


def _shallowest(members: list[Member]) -> list[Member]:
    depth = min(member.name.count("/") for member in members)
    return [member for member in members if member.name.count("/") == depth]
