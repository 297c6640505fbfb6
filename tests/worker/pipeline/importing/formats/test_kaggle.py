from tests.worker.pipeline.importing.formats.conftest import GREEN, RED, Tell

_IMAGES = {"Images/a.jpg": RED, "Images/b.jpg": GREEN}


class TestKaggle8k:
    def test_a_csv_named_txt(self, tell: Tell) -> None:
        told = tell(_IMAGES | {"captions.txt": b'image,caption\na.jpg,"A red, red square ."\nb.jpg,Green .\n'})
        assert told.format == "kaggle_8k"
        assert told.pairs == [("a.jpg", "A red, red square ."), ("b.jpg", "Green .")]


class TestKaggle30k:
    def test_bars_and_spaces(self, tell: Tell) -> None:
        rows = b'image_name| comment_number| comment\na.jpg| 0| A "red" square .\nb.jpg| 4   Green .\n'
        told = tell(_IMAGES | {"results.csv": rows})
        assert told.format == "kaggle_30k"
        assert told.pairs == [("a.jpg", 'A "red" square .')]
        assert told.extra == [{"comment_number": "0"}]
        assert told.rejected == [("results.csv", 2, "malformed_row")]  # the one that the published file has
