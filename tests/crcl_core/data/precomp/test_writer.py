from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from crcl_core.data.precomp import read_precomp, write_precomp, writer

REGIONS = np.random.default_rng(0).normal(size=(3, 2, 4)).astype(np.float32)
CAPTIONS = ["a dog", "two dogs", "a cat", "cats", "", "a bird"]


class TestWritePrecomp:
    @pytest.mark.parametrize("ids", [None, list("abc"), list("aabbcc")])
    def test_is_read_back(self, tmp_path: Path, ids: list[str] | None) -> None:
        write_precomp(tmp_path / "x_precomp", "dev", image_features=REGIONS, captions=CAPTIONS, ids=ids)
        split = read_precomp(tmp_path / "x_precomp", "dev")
        np.testing.assert_array_equal(split.image_features, REGIONS)
        assert split.captions == tuple(CAPTIONS)
        assert split.image_index.tolist() == [0, 0, 1, 1, 2, 2]
        assert split.image_ids == (None if ids is None else tuple("abc"))

    def test_is_read_back_from_columns(self, tmp_path: Path) -> None:
        write_precomp(tmp_path, "dev", image_features=REGIONS, captions=CAPTIONS[:3], ids=list("abc"), as_tsv=True)
        assert (tmp_path / "dev_caps.tsv").read_text() == "a\ta dog\nb\ttwo dogs\nc\ta cat\n"
        assert read_precomp(tmp_path, "dev").captions == tuple(CAPTIONS[:3])

    def test_keeps_a_caption_on_its_line(self, tmp_path: Path) -> None:
        captions = ["a\ndog\tand\r\n a cat ", "b", "c"]
        write_precomp(tmp_path, "dev", image_features=REGIONS, captions=captions, ids=list("abc"), as_tsv=True)
        assert read_precomp(tmp_path, "dev").captions == ("a dog and a cat", "b", "c")

    def test_blocks_and_column_order_change_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writer, "_BLOCK_BYTES", 40)
        write_precomp(tmp_path, "dev", image_features=np.asfortranarray(REGIONS), captions=CAPTIONS)
        np.testing.assert_array_equal(np.load(tmp_path / "dev_ims.npy"), REGIONS)

    @pytest.mark.parametrize(
        ("features", "captions", "ids", "as_tsv", "message"),
        [
            (REGIONS.astype(np.float64), CAPTIONS, None, False, r"float64 \(3, 2, 4\), expected float32"),
            (REGIONS, CAPTIONS[:4], None, False, "4 captions of 3 images"),
            (REGIONS, [], None, False, "0 captions of 3 images"),
            (REGIONS[:0], CAPTIONS, None, False, "6 captions of 0 images"),
            (REGIONS, CAPTIONS, ["a"], False, "1 ids, expected 3 or 6"),
            (REGIONS, CAPTIONS, list("abc"), True, "3 ids, expected 6"),
            (REGIONS, CAPTIONS, None, True, "0 ids, expected 6"),
        ],
    )
    def test_refuses_what_could_not_be_read_back(
        self,
        tmp_path: Path,
        features: npt.NDArray[np.float32],
        captions: Sequence[str],
        ids: list[str] | None,
        as_tsv: bool,
        message: str,
    ) -> None:
        with pytest.raises(ValueError, match=message):
            write_precomp(tmp_path, "dev", image_features=features, captions=captions, ids=ids, as_tsv=as_tsv)
        assert not list(tmp_path.iterdir())
