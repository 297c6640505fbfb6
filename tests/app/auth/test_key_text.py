import hashlib
import re

import pytest

from app.auth.key_text import generate_key, parse_key

KEY = generate_key().reveal()


class TestGenerateKey:
    def test_a_key_is_a_prefix_a_public_id_and_a_secret(self) -> None:
        assert re.fullmatch(r"mispair_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", KEY)

    def test_no_two_keys_are_alike(self) -> None:
        keys = [generate_key() for _ in range(100)]
        assert len({key.public_id for key in keys}) == len({key.secret for key in keys}) == 100

    def test_what_is_stored_is_the_hash_of_the_secret(self) -> None:
        key = generate_key()
        assert key.secret_hash == hashlib.sha256(key.secret.encode()).digest()

    def test_its_repr_shows_nothing(self) -> None:
        key = generate_key()
        assert key.secret not in repr(key)


class TestParseKey:
    def test_a_generated_key_is_read_back(self) -> None:
        key = parse_key(KEY)
        assert key is not None
        assert key.reveal() == KEY

    def test_one_changed_character_is_noticed(self) -> None:
        for position in range(len("mispair_"), len(KEY)):
            other = "1" if KEY[position] == "0" else "0"
            assert parse_key(KEY[:position] + other + KEY[position + 1 :]) is None

    # Named, because a key differs in every process that collects the tests.
    @pytest.mark.parametrize(
        "text",
        ["", "mispair", KEY[:-1], KEY + "0", KEY + "\n", " " + KEY, KEY.upper(), "é" * 59],
        ids=["empty", "prefix", "cut", "longer", "line", "space", "upper", "no ASCII"],
    )
    def test_anything_else_is_no_key(self, text: str) -> None:
        assert parse_key(text) is None
