import base64
import uuid

import pytest

from app.core.errors import InvalidPayloadError
from app.pagination import PageQuery, encode_cursor, page_of


def _encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode()


class TestCursor:
    @pytest.mark.parametrize("value", [0, 7, 2**63 - 1])
    def test_a_number_comes_back(self, value: int) -> None:
        assert PageQuery(encode_cursor(value), 1).after(int) == value

    def test_an_id_comes_back(self) -> None:
        value = uuid.uuid4()
        assert PageQuery(encode_cursor(value), 1).after(uuid.UUID) == value

    def test_the_first_page_is_after_nothing(self) -> None:
        assert PageQuery(None, 1).after(int) is None

    @pytest.mark.parametrize(
        "cursor",
        ["", "x", "é", _encoded(b"\xff"), _encoded(b'"text"'), _encoded(b"1.5"), _encoded(b"true"), _encoded(b"-1"),
         _encoded(str(2**63).encode()), _encoded(b"[" * 300), encode_cursor(uuid.UUID(int=7))],
    )  # fmt: skip
    def test_one_that_this_list_did_not_give_is_refused(self, cursor: str) -> None:
        with pytest.raises(InvalidPayloadError) as raised:
            PageQuery(cursor, 1).after(int)
        assert raised.value.code == "invalid_cursor"


class TestPageOf:
    def test_the_last_page_has_no_cursor(self) -> None:
        assert page_of([1, 2], PageQuery(None, 2), key=lambda row: row) == ([1, 2], None)

    def test_a_full_page_ends_before_the_extra_row(self) -> None:
        rows, cursor = page_of([1, 2, 3], PageQuery(None, 2), key=lambda row: row)
        assert (rows, PageQuery(cursor, 2).after(int)) == ([1, 2], 2)

    def test_an_empty_list_is_a_page(self) -> None:
        rows: list[int] = []
        assert page_of(rows, PageQuery(None, 2), key=lambda row: row) == ([], None)
