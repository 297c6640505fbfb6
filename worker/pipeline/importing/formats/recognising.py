"""Which format an archive is in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from app.core.models import CorpusFormat
from worker.pipeline.importing.formats.format import Format, Match
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.source import CorpusSource

_LISTED = 5


@dataclass(frozen=True)
class RunnerUp:
    """Another format that the archive could be in, and why."""

    name: CorpusFormat
    why: str


@dataclass(frozen=True)
class Recognition:
    """The format that an archive is read in.

    Attributes:
        is_forced: whether the user named it.
        runners_up: what else it could have been, the likeliest first.
    """

    format: Format
    match: Match
    is_forced: bool
    runners_up: tuple[RunnerUp, ...]


def recognise(source: CorpusSource, formats: Sequence[Format], wanted: CorpusFormat | None = None) -> Recognition:
    """Ask every format, and take the surest; of equally sure ones the first.

    Args:
        source: the archive.
        formats: all that are known, the more special before the more general.
        wanted: the one that the user named.

    Raises:
        ArchiveRefusedError: `no_manifest` where nothing fits, `wrong_format` where the wanted one does not.
    """
    found = [(one, match) for one in formats if (match := one.recognise(source)) is not None]
    found.sort(key=lambda candidate: -candidate[1].strength)  # stable, so equals stay in their order
    taken = next((candidate for candidate in found if wanted in (None, candidate[0].name)), None)
    if taken is None:
        raise _refusal(source, formats, found, wanted)
    others = tuple(RunnerUp(one.name, match.why) for one, match in found if one is not taken[0])
    return Recognition(*taken, is_forced=wanted is not None, runners_up=others)


def _refusal(
    source: CorpusSource,
    formats: Sequence[Format],
    found: Sequence[tuple[Format, Match]],
    wanted: CorpusFormat | None,
) -> ArchiveRefusedError:
    held = _contents(source)
    if wanted is None:
        accepted = "; ".join(f"{one.name}: {one.layout}" for one in formats)
        return ArchiveRefusedError(
            RefusalCode.NO_MANIFEST, f"no format was recognised: the archive holds {held}. Accepted are: {accepted}"
        )
    layout = next(one.layout for one in formats if one.name == wanted)
    looks = ", ".join(f"{one.name} ({match.why})" for one, match in found) or "none that is known"
    return ArchiveRefusedError(
        RefusalCode.WRONG_FORMAT,
        f"the archive cannot be read as {wanted}, which is {layout}; it holds {held} and looks like: {looks}",
    )


def _contents(source: CorpusSource) -> str:
    counts = Counter(PurePosixPath(name).suffix.lower() or "no ending" for name in source.members)
    if not counts:
        return "no files"
    kinds = ", ".join(f"{n_files} {suffix}" for suffix, n_files in counts.most_common(_LISTED))
    return f"{len(source.members)} files ({kinds}{', ...' if len(counts) > _LISTED else ''})"
