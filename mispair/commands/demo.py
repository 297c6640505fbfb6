"""The built-in demo: a drawn corpus whose mismatches are known."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

DEMO_NAME = "demo"


@dataclass(frozen=True)
class DemoFiles:
    """Where the demo lies in the data folder; the truth is never inside the archive."""

    archive: Path
    truth: Path


@dataclass(frozen=True)
class Found:
    """How the flags of a report compare with what was planted.

    Attributes:
        n_flagged: flagged pairs.
        n_found: those among them that were planted.
        n_planted: planted mismatches.
        by_kind: (found, planted) of each kind.
    """

    n_flagged: int
    n_found: int
    n_planted: int
    by_kind: Mapping[str, tuple[int, int]]

    def lines(self) -> list[str]:
        """The comparison in words."""
        kinds = (f"{kind.replace('_', ' ')} {found}/{planted}" for kind, (found, planted) in self.by_kind.items())
        return [
            f"found {self.n_found} of the {self.n_planted} planted mismatches among {self.n_flagged} flagged pairs",
            f"by kind: {', '.join(kinds)}",
        ]


def demo_files(data: Path) -> DemoFiles:
    """The demo's places in a data folder."""
    folder = data / "demo"
    return DemoFiles(folder / "corpus.zip", folder / "truth.csv")


def draw_demo(files: DemoFiles) -> None:
    """Draw the demo corpus. The archive appears last and whole, so that a stop midway leaves no half of it."""
    from crcl_core.synthetic import render_demo_corpus, write_archive

    files.archive.parent.mkdir(mode=0o700, exist_ok=True)
    aside = files.archive.with_suffix(".part")
    write_archive(render_demo_corpus(), aside, files.truth)
    aside.replace(files.archive)


def compare_with_truth(flagged_keys: Collection[str], truth: Path) -> Found:
    """Count the planted mismatches among flagged pairs.

    Args:
        flagged_keys: `pair_key` of every flagged pair.
        truth: as `draw_demo` wrote it.
    """
    from crcl_core.synthetic import read_truth

    flagged = set(flagged_keys)
    kinds = {key: row.kind for key, row in read_truth(truth).items() if row.kind is not None}
    n_planted = Counter(kinds.values())
    n_found = Counter(kind for key, kind in kinds.items() if key in flagged)
    return Found(
        n_flagged=len(flagged),
        n_found=n_found.total(),
        n_planted=n_planted.total(),
        by_kind={kind.value: (n_found[kind], n_planted[kind]) for kind in sorted(n_planted)},
    )
