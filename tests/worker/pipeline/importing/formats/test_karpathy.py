from tests.worker.pipeline.importing.formats.conftest import GREEN, RED, Tell, as_json

_DOCUMENT = {
    "images": [
        {
            "filepath": "val2014",
            "filename": "one.jpg",
            "imgid": 0,
            "cocoid": 391895,
            "split": "restval",
            "sentids": [3, 4],
            "sentences": [
                {"raw": "a red square", "sentid": 3, "tokens": ["a", "red", "square"]},
                {"raw": "red", "sentid": 4, "tokens": ["red"]},
            ],
        },
        {"filename": "two.jpg", "imgid": 1, "split": "test", "sentences": [{"sentid": 5}]},
        {"filename": 7, "sentences": []},
    ],
    "dataset": "coco",
}


class TestKarpathy:
    def test_sentences_keep_their_ids_and_the_split(self, tell: Tell) -> None:
        told = tell({"dataset_coco.json": as_json(_DOCUMENT), "images/val2014/one.jpg": RED, "two.jpg": GREEN})
        assert told.format == "karpathy"
        assert told.pairs == [("val2014/one.jpg", "a red square"), ("val2014/one.jpg", "red")]
        assert told.ids == ["3", "4"]
        assert told.extra[0] == {"imgid": 0, "cocoid": 391895, "split": "restval"}

    def test_what_cannot_be_read_is_told(self, tell: Tell) -> None:
        told = tell({"dataset_coco.json": as_json(_DOCUMENT), "val2014/one.jpg": RED, "two.jpg": GREEN})
        assert told.rejected == [
            ("dataset_coco.json", 2, "malformed_row"),
            ("dataset_coco.json", 3, "malformed_row"),
        ]
