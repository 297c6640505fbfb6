import json
from pathlib import Path

import pytest

from crcl_core.data.karpathy import KarpathyImage, KarpathySplit, read_karpathy


def _entry(image_id: int, split: str, **changes: object) -> dict[str, object]:
    sentences = [{"imgid": image_id, "sentid": 2 * image_id + n, "raw": f"caption {n}.", "tokens": []} for n in (0, 1)]
    entry: dict[str, object] = {
        "imgid": image_id,
        "filename": f"{image_id}.jpg",
        "split": split,
        "sentids": [2 * image_id, 2 * image_id + 1],
        "sentences": sentences,
    }
    return entry | changes


def _file(folder: Path, *entries: object) -> Path:
    path = folder / "dataset_flickr30k.json"
    path.write_text(json.dumps({"dataset": "flickr30k", "images": entries}), encoding="utf-8")
    return path


class TestReadKarpathy:
    def test_gives_each_split_its_images_in_order(self, tmp_path: Path) -> None:
        splits = read_karpathy(_file(tmp_path, _entry(0, "val"), _entry(1, "train"), _entry(2, "train")))
        assert {split: [image.image_id for image in images] for split, images in splits.items()} == {
            KarpathySplit.TRAIN: [1, 2],
            KarpathySplit.VAL: [0],
            KarpathySplit.TEST: [],
        }

    def test_reads_an_image_of_flickr(self, tmp_path: Path) -> None:
        splits = read_karpathy(_file(tmp_path, _entry(3, "test")))
        assert splits[KarpathySplit.TEST] == (
            KarpathyImage(
                path="3.jpg",
                image_id=3,
                coco_id=None,
                captions=("caption 0.", "caption 1."),
                caption_ids=(6, 7),
            ),
        )

    def test_reads_an_image_of_coco(self, tmp_path: Path) -> None:
        entry = _entry(0, "train", filepath="val2014", filename="COCO_val2014_000000000042.jpg", cocoid=42)
        image = read_karpathy(_file(tmp_path, entry))[KarpathySplit.TRAIN][0]
        assert (image.path, image.coco_id) == ("val2014/COCO_val2014_000000000042.jpg", 42)

    def test_restval_counts_as_train(self, tmp_path: Path) -> None:
        splits = read_karpathy(_file(tmp_path, _entry(0, "restval"), _entry(1, "train")))
        assert [image.image_id for image in splits[KarpathySplit.TRAIN]] == [0, 1]

    def test_an_image_may_have_any_number_of_captions(self, tmp_path: Path) -> None:
        image = read_karpathy(_file(tmp_path, _entry(0, "train", sentences=[])))[KarpathySplit.TRAIN][0]
        assert image.captions == ()


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"split": "dev"}, "KeyError.'dev'"),
            ({"split": []}, "unhashable"),
            ({"filename": "../x.jpg"}, "leaves the folder"),
            ({"filename": "/etc/x.jpg"}, "leaves the folder"),
            ({"filepath": "a/../../b"}, "leaves the folder"),
            ({"filename": "..\\\\x.jpg"}, "leaves the folder"),
            ({"filename": ""}, "leaves the folder"),
            ({"filename": 7}, "7 is not a text"),
            ({"imgid": "7"}, "'7' is not a whole number"),
            ({"cocoid": True}, "True is not a whole number"),
            ({"sentences": None}, "TypeError"),
            ({"sentences": [{"raw": "a dog"}]}, "KeyError.'sentid'"),
            ({"sentences": [{"raw": None, "sentid": 1}]}, "None is not a text"),
        ],
    )
    def test_name_the_image_and_what_is_wrong(self, tmp_path: Path, changes: dict[str, object], message: str) -> None:
        path = _file(tmp_path, _entry(0, "train"), _entry(1, "train") | changes)
        with pytest.raises(ValueError, match=rf"flickr30k\.json image 1: .*{message}"):
            read_karpathy(path)

    def test_an_image_that_came_before(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="image 1: imgid 4 came before"):
            read_karpathy(_file(tmp_path, _entry(4, "train"), _entry(4, "val")))

    @pytest.mark.parametrize("content", [b"", b"[]", b'{"images": {}}', b"\xff\xfe\x00", b'{"annotations": []}'])
    def test_other_files(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "dataset.json"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"dataset\.json (is not json|has no list `images`)"):
            read_karpathy(path)

    def test_images_that_are_no_objects(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"image 0: TypeError"):
            read_karpathy(_file(tmp_path, 7))
