import csv
import io

import pytest

from app.core.repositories.reports import ReportEntry
from app.reports.csv_format import encode_csv
from app.spreadsheets import defused
from tests.app.reports.entries import FOUND, IMAGE_ID, PAIR_ID, SCORES, make_entry


def _read(*entries: ReportEntry, raw: bool = False) -> list[dict[str, str]]:
    text = b"".join(encode_csv(iter([list(entries)]), raw=raw)).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


class TestDefused:
    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
    def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(self, start: str) -> None:
        assert defused(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"

    @pytest.mark.parametrize("cell", ["", "a = b", "'=1", "5-3", "\u65e5\u672c", " =1"])
    def test_any_other_cell_stays(self, cell: str) -> None:
        assert defused(cell) == cell


class TestEncodeCsv:
    def test_a_row_has_every_field_by_name(self) -> None:
        assert _read(make_entry(extra={"licence": "by"}, source_id="7")) == [
            {
                "pair_id": str(PAIR_ID),
                "pair_key": "k1",
                "rank": "1",
                "correspondence": "0.25",
                "correspondence_label": "0.5",
                "is_mismatch": "true",
                "caption": "a red circle",
                "image_id": str(IMAGE_ID),
                "source_id": "7",
                "source_path": "images/1.png",
                "row_number": "1",
                "extra": '{"licence": "by"}',
                "reason_code": "",
                "evidence": "",
                "best_caption": "",
                "best_caption_correspondence": "",
                "repair_image_id": "",
                "is_near_duplicate": "",
                "near_duplicate_set": "",
                "correspondence_low": "",
                "correspondence_high": "",
                "expected_precision_at_cut": "",
                "lemon_score": "",
                "similarity_score": "",
                "caption_place": "",
                "base_correspondence": "",
                "change": "",
            }
        ]

    def test_what_was_found_stands_behind_the_columns_of_old(self) -> None:
        row = _read(make_entry(**FOUND, **SCORES, is_near_duplicate=True, near_duplicate_set=3))[0]
        assert list(row.items())[12:] == [
            ("reason_code", "better_caption"),
            ("evidence", '{"gain": 0.5}'),
            ("best_caption", "'=1+1"),
            ("best_caption_correspondence", "0.75"),
            ("repair_image_id", str(IMAGE_ID)),
            ("is_near_duplicate", "true"),
            ("near_duplicate_set", "3"),
            ("correspondence_low", "0.125"),
            ("correspondence_high", "0.375"),
            ("expected_precision_at_cut", "0.875"),
            ("lemon_score", "0.25"),
            ("similarity_score", "0.625"),
            ("caption_place", "2"),
            ("base_correspondence", "0.5"),
            ("change", "regressed"),
        ]

    def test_a_report_without_rows_still_has_its_header(self) -> None:
        assert b"".join(encode_csv(iter([]), raw=False)).startswith(b"pair_id,pair_key,rank,")

    @pytest.mark.parametrize("field", ["pair_key", "caption", "source_id", "source_path"])
    def test_every_field_of_the_user_is_defused(self, field: str) -> None:
        assert _read(make_entry(**{field: "=1+1"}))[0][field] == "'=1+1"

    def test_raw_cells_are_exact(self) -> None:
        assert _read(make_entry(caption="=1+1"), raw=True)[0]["caption"] == "=1+1"

    @pytest.mark.parametrize("caption", ['say "hi", then\r\nleave', "one\rtwo", "one\ntwo", "\u2028", "\U0001f600"])
    def test_quotes_commas_and_line_ends_come_back_as_they_were(self, caption: str) -> None:
        assert _read(make_entry(caption=caption))[0]["caption"] == caption

    def test_batches_are_pieces_of_their_own(self) -> None:
        pieces = encode_csv(iter([[make_entry()], [make_entry(rank=2)]]), raw=False)
        assert [piece.count(b"\r\n") for piece in pieces] == [1, 1, 1]
