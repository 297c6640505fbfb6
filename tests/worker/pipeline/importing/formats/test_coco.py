from typing import Any

import pytest

from tests.worker.pipeline.importing.formats.conftest import BLUE, GREEN, RED, Tell, as_json, refusal

_IMAGES = [
    {"id": 9, "file_name": "000000000009.jpg", "coco_url": "http://images.example/9.jpg", "width": 8},
    {"id": 25, "file_name": "000000000025.jpg"},
]


def captions(*annotations: Any, images: Any = _IMAGES) -> bytes:  # Any: JSON
    return as_json({"info": {}, "licenses": [], "images": images, "annotations": list(annotations)})


_FILES = {"train2017/000000000009.jpg": RED, "train2017/000000000025.jpg": GREEN}
_NINE = {"id": 661611, "image_id": 9, "caption": "a red square"}
_BOX = {"id": 1, "image_id": 9, "bbox": [0, 0, 1, 1], "category_id": 1}


class TestCoco:
    def test_ids_urls_and_captions_are_kept(self, tell: Tell) -> None:
        told = tell(_FILES | {"annotations/captions_train2017.json": captions(_NINE)})
        assert (told.format, told.pairs) == ("coco", [("000000000009.jpg", "a red square")])
        assert told.ids == ["661611"]
        assert told.extra == [{"image_id": 9, "coco_url": "http://images.example/9.jpg", "width": 8}]

    @pytest.mark.parametrize(
        ("told", "held"),
        [
            ("COCO_train2014_000000000009.jpg", "train2017/000000000009.jpg"),
            ("000000000009.jpg", "train2014/COCO_train2014_000000000009.jpg"),
        ],
    )
    def test_an_image_may_bear_the_name_of_another_year(self, told: str, held: str, tell: Tell) -> None:
        document = captions(_NINE, images=[{"id": 9, "file_name": told}])
        assert tell({held: RED, "captions_train.json": document}).pairs == [(told, "a red square")]

    def test_several_documents_are_joined(self, tell: Tell) -> None:
        other = captions(
            {"id": 5, "image_id": 1, "caption": "blue"}, images=[{"id": 1, "file_name": "000000000001.jpg"}]
        )
        files = _FILES | {"val2017/000000000001.jpg": BLUE, "captions_val2017.json": other}
        told = tell(files | {"captions_train2017.json": captions(_NINE)})
        assert [caption for _, caption in told.pairs] == ["a red square", "blue"]

    def test_boxes_beside_captions_are_left_alone(self, tell: Tell) -> None:
        files = _FILES | {"captions_train2017.json": captions(_NINE), "instances_train2017.json": captions(_BOX)}
        told = tell(files)
        assert len(told.pairs) == 1
        assert told.version.n_other_members == 1

    def test_boxes_alone_are_refused(self, tell: Tell) -> None:
        error = refusal(tell, _FILES | {"instances_train2017.json": captions(_BOX)})
        assert error.code == "no_captions"
        assert "instances_train2017.json" in error.detail

    @pytest.mark.parametrize(
        ("annotation", "code"),
        [
            ({"id": 2, "image_id": 77, "caption": "x"}, "missing_image"),
            ({"id": 2, "image_id": [9], "caption": "x"}, "missing_image"),
            ({"id": 2, "image_id": 9, "caption": 5}, "malformed_row"),
            ({"id": 2, "image_id": 9, "caption": " "}, "empty_caption"),
            ({"id": 2, "image_id": 9}, "malformed_row"),
            (7, "malformed_row"),
        ],
    )
    def test_an_annotation_that_cannot_be_used_costs_itself_only(
        self, annotation: object, code: str, tell: Tell
    ) -> None:
        told = tell(_FILES | {"captions.json": captions(_NINE, annotation)})
        assert told.rejected[0] == ("captions.json", 2, code)
        assert len(told.pairs) == 1

    @pytest.mark.parametrize(
        "data", [b'{"images": [], "annotations": [', b'{"annotations": []}', b'{"images": ["file_name", NaN]}']
    )
    def test_a_damaged_document_is_refused(self, data: bytes, tell: Tell) -> None:
        assert refusal(tell, _FILES | {"captions.json": data}).code in ("unreadable_table", "no_captions")
