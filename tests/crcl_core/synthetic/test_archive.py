import csv
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from crcl_core.synthetic import ImageFormat, MismatchKind, read_truth, render_corpus, write_archive, write_truth
from crcl_core.types import CrclError

SHARES = dict.fromkeys(MismatchKind, 0.08)
CORPUS = render_corpus(60, 9, captions_per_image=(1, 2), mismatches=SHARES, edge_px=32)


def captions(archive: zipfile.ZipFile) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read("captions.csv").decode("utf-8"))))


class TestWriteArchive:
    def test_it_reads_back_as_images_and_rows(self, tmp_path: Path) -> None:
        write_archive(CORPUS, tmp_path / "corpus.zip")
        with zipfile.ZipFile(tmp_path / "corpus.zip") as archive:
            assert archive.testzip() is None
            rows = captions(archive)
            for number, image in enumerate(CORPUS.images):
                assert archive.read(image.path) == CORPUS.image_bytes(number)
        expected = [(pair.pair_id, CORPUS.images[pair.image].path, pair.caption.text) for pair in CORPUS.pairs]
        assert [(row["id"], row["image"], row["caption"]) for row in rows] == expected

    def test_every_member_is_a_picture_or_the_captions(self, tmp_path: Path) -> None:
        write_archive(CORPUS, tmp_path / "corpus.zip", tmp_path / "truth.csv")
        with zipfile.ZipFile(tmp_path / "corpus.zip") as archive:
            names = archive.namelist()
            assert len(names) == len(set(names))
            assert [name for name in names if not name.startswith("images/")] == ["captions.csv"]
            for name in names[:5]:
                with Image.open(io.BytesIO(archive.read(name))) as picture:
                    assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (32, 32))

    def test_nothing_in_it_tells_the_truth(self, tmp_path: Path) -> None:
        write_archive(CORPUS, tmp_path / "corpus.zip")
        with zipfile.ZipFile(tmp_path / "corpus.zip") as archive:
            content = archive.read("captions.csv").decode() + " ".join(archive.namelist())
        assert not any(kind in content for kind in MismatchKind)
        assert "true" not in content

    def test_the_id_column_is_optional(self, tmp_path: Path) -> None:
        write_archive(CORPUS, tmp_path / "corpus.zip", has_ids=False)
        with zipfile.ZipFile(tmp_path / "corpus.zip") as archive:
            assert archive.read("captions.csv").decode().splitlines()[0] == "image,caption"
            assert len(captions(archive)) == len(CORPUS.pairs)

    def test_png_is_lossless(self, tmp_path: Path) -> None:
        corpus = render_corpus(2, 0, mismatches={}, edge_px=24, image_format=ImageFormat.PNG)
        write_archive(corpus, tmp_path / "corpus.zip")
        with zipfile.ZipFile(tmp_path / "corpus.zip") as archive, archive.open("images/000001.png") as file:
            assert Image.open(file).tobytes() == corpus.image(1).tobytes()

    def test_another_process_writes_the_same_bytes(self, tmp_path: Path) -> None:
        write_archive(CORPUS, tmp_path / "here.zip")
        program = (
            "import sys; from pathlib import Path; from crcl_core.synthetic import *; "
            "corpus = render_corpus(60, 9, (1, 2), dict.fromkeys(MismatchKind, 0.08), edge_px=32); "
            "write_archive(corpus, Path(sys.argv[1]))"
        )
        environment = {**os.environ, "PYTHONHASHSEED": "17"}
        subprocess.run([sys.executable, "-c", program, str(tmp_path / "there.zip")], check=True, env=environment)
        digests = {hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("here.zip", "there.zip")}
        assert len(digests) == 1


class TestTruth:
    def test_it_has_a_row_for_every_pair(self, tmp_path: Path) -> None:
        write_archive(CORPUS, tmp_path / "corpus.zip", tmp_path / "truth.csv")
        truth = read_truth(tmp_path / "truth.csv")
        assert list(truth) == [pair.pair_id for pair in CORPUS.pairs]
        for pair in CORPUS.pairs:
            row = truth[pair.pair_id]
            assert (row.kind, row.is_mismatch) == (pair.kind, pair.is_mismatch)
            assert (row.caption, row.true_caption) == (pair.caption.text, pair.true_caption.text)
            assert row.image == CORPUS.images[pair.image].path

    def test_another_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "truth.csv").write_text("id,image\n1,a.jpg\n")
        with pytest.raises(CrclError, match=r"has the columns \['id', 'image'\]"):
            read_truth(tmp_path / "truth.csv")

    def test_an_unknown_kind_is_refused_with_its_line(self, tmp_path: Path) -> None:
        write_truth(CORPUS, tmp_path / "truth.csv")
        with (tmp_path / "truth.csv").open("a") as file:
            file.write("pair-x,images/a.jpg,A star,bad_luck,A heart\n")
        with pytest.raises(CrclError, match=f"line {len(CORPUS.pairs) + 2}: 'bad_luck'"):
            read_truth(tmp_path / "truth.csv")
