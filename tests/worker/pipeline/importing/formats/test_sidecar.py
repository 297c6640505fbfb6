from tests.worker.pipeline.importing.formats.conftest import BLUE, GREEN, RED, Tell


class TestSidecar:
    def test_a_text_of_the_same_name(self, tell: Tell) -> None:
        files = {"10_dog/a.png": RED, "10_dog/a.txt": b"a red square\n", "10_dog/b.v2.png": GREEN}
        told = tell(files | {"10_dog/b.v2.caption": "gr\u00fcn".encode(), "LICENSE.txt": b"free"})
        assert told.format == "sidecar"
        assert told.pairs == [("10_dog/a.png", "a red square"), ("10_dog/b.v2.png", "gr\u00fcn")]
        assert told.version.n_other_members == 1

    def test_an_object_gives_caption_id_and_other_keys(self, tell: Tell) -> None:
        told = tell({"a.png": RED, "a.json": b'{"caption": ["one", "two"], "id": 4, "url": "http://x.example"}'})
        assert told.pairs == [("a.png", "one"), ("a.png", "two")]
        assert told.ids == ["4", "4"]
        assert told.extra[0] == {"id": 4, "url": "http://x.example"}

    def test_an_image_without_a_text_and_a_text_without_an_image(self, tell: Tell) -> None:
        told = tell({"a.png": RED, "a.txt": b"red", "b.png": GREEN, "c.txt": b"lost", "README.txt": b"read me"})
        assert told.rejected == [("c.txt", 2, "missing_image"), (None, None, "no_caption_for_image")]

    def test_texts_that_cannot_be_used(self, tell: Tell) -> None:
        files = {"a.png": RED, "a.txt": b"caf\xe9", "b.png": GREEN, "b.json": b"{", "c.png": BLUE, "c.txt": b" "}
        assert tell(files).rejected == [
            ("a.txt", 1, "not_utf8"),
            ("b.json", 2, "malformed_row"),
            ("c.txt", 3, "empty_caption"),
        ]
