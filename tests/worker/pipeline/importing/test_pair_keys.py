"""Names of pairs."""

from worker.pipeline.importing.pair_keys import PairKeys

_SHA = bytes(32)


def test_the_users_id_is_the_key() -> None:
    assert PairKeys().key("cat-7", _SHA, "a cat") == "cat-7"


def test_without_an_id_image_and_caption_decide() -> None:
    keys = PairKeys()
    first = keys.key(None, _SHA, "a cat")
    assert len(first) == 32
    assert keys.key("", _SHA, "a dog") != first
    assert keys.key(None, b"\1" * 32, "a cat") != first
    assert PairKeys().key(" ", _SHA, "a cat") == first


def test_a_repeat_is_numbered() -> None:
    keys = PairKeys()
    assert [keys.key("a", _SHA, "x") for _ in range(3)] == ["a", "a#2", "a#3"]


def test_a_number_that_the_user_has_taken_is_passed_over() -> None:
    keys = PairKeys()
    assert [keys.key(name, _SHA, "x") for name in ("a#2", "a", "a", "a#2")] == ["a#2", "a", "a#3", "a#2#2"]


def test_an_id_too_long_for_the_index_is_replaced() -> None:
    assert len(PairKeys().key("x" * 5000, _SHA, "a cat")) == 32
