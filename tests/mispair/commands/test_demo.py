import zipfile
from pathlib import Path

import pytest

from crcl_core.synthetic import MismatchKind, read_truth, render_corpus
from mispair.commands.demo import compare_with_truth, demo_files, draw_demo


@pytest.fixture
def truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The truth of a small demo."""
    small = render_corpus(20, 1, 1, mismatches={MismatchKind.RANDOM_SWAP: 0.2, MismatchKind.NEAR_SWAP: 0.1})
    monkeypatch.setattr("crcl_core.synthetic.render_demo_corpus", lambda: small)
    draw_demo(demo_files(tmp_path))
    return demo_files(tmp_path).truth


class TestDrawDemo:
    def test_archive_and_truth_lie_apart(self, truth: Path) -> None:
        archive = truth.with_name("corpus.zip")
        with zipfile.ZipFile(archive) as members:
            assert {name.split("/")[0] for name in members.namelist()} == {"images", "captions.csv"}
        assert {path.name for path in truth.parent.iterdir()} == {"corpus.zip", "truth.csv"}


class TestCompareWithTruth:
    def test_all_flagged_finds_all(self, truth: Path) -> None:
        keys = list(read_truth(truth))
        found = compare_with_truth(keys, truth)
        assert (found.n_flagged, found.n_found, found.n_planted) == (len(keys), 6, 6)
        assert found.by_kind == {"near_swap": (2, 2), "random_swap": (4, 4)}

    def test_only_the_planted_among_the_flagged_count(self, truth: Path) -> None:
        rows = read_truth(truth)
        random_swaps = [key for key, row in rows.items() if row.kind is MismatchKind.RANDOM_SWAP]
        clean = [key for key, row in rows.items() if not row.is_mismatch]
        found = compare_with_truth([*random_swaps[:3], *clean[:2]], truth)
        assert found.lines() == [
            "found 3 of the 6 planted mismatches among 5 flagged pairs",
            "by kind: near swap 0/2, random swap 3/4",
        ]
