import json

from app.reports.jsonl_format import encode_jsonl
from tests.app.reports.entries import FOUND, IMAGE_ID, PAIR_ID, make_entry


class TestEncodeJsonl:
    def test_a_line_is_a_row_and_exact(self) -> None:
        entries = [make_entry(caption="=1\n\u2028", extra={"n": [1]}), make_entry(rank=2)]
        lines = b"".join(encode_jsonl(iter([entries]))).decode().removesuffix("\n").split("\n")
        first = json.loads(lines[0])
        assert (len(lines), first["caption"], first["extra"]) == (2, "=1\n\u2028", {"n": [1]})
        assert (first["pair_id"], first["image_id"], first["is_mismatch"]) == (str(PAIR_ID), str(IMAGE_ID), True)

    def test_what_was_found_is_json(self) -> None:
        row = json.loads(b"".join(encode_jsonl(iter([[make_entry(**FOUND)]]))))
        assert {name: row[name] for name in FOUND} == FOUND | {"repair_image_id": str(IMAGE_ID)}

    def test_no_rows_are_no_bytes(self) -> None:
        assert b"".join(encode_jsonl(iter([]))) == b""
