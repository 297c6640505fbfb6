import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crcl_core.data import Vocabulary

MARKS = ["<pad>", "<start>", "<end>", "<unk>"]


def _official_file(folder: Path, words: list[str], **changes: object) -> Path:
    tables: dict[str, object] = {
        "word2idx": {word: number for number, word in enumerate(words)},
        "idx2word": {str(number): word for number, word in enumerate(words)},
        "idx": len(words),
    }
    path = folder / "f30k_precomp_vocab.json"
    path.write_text(json.dumps(tables | changes), encoding="utf-8")
    return path


class TestConstruction:
    def test_counts_the_marks(self) -> None:
        assert len(Vocabulary(["dog"])) == 5

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["dog", "dog"], "word 1 is 'dog', which is a mark or stands twice"),
            (["<unk>"], "word 0 is '<unk>', which is a mark"),
            (["a", ""], "word 1 is '', which is empty"),
        ],
    )
    def test_refuses_words_without_an_id_of_their_own(self, words: list[str], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Vocabulary(words)

    def test_equal_words_make_equal_vocabularies(self) -> None:
        assert Vocabulary(["a", "b"]) == Vocabulary(("a", "b"))
        assert Vocabulary(["a", "b"]) != Vocabulary(["b", "a"])
        assert len({Vocabulary(["a"]), Vocabulary(["a"])}) == 1


class TestFromCaptions:
    def test_keeps_words_that_are_frequent_enough(self) -> None:
        assert Vocabulary.from_captions(["A dog.", "a cat", "dog"], min_count=2).words == ("a", "dog")

    def test_orders_by_frequency_then_spelling(self) -> None:
        assert Vocabulary.from_captions(["b a c c"], min_count=1).words == ("c", "a", "b")

    def test_the_order_of_captions_does_not_matter(self) -> None:
        captions = ["a red dog", "two dogs", "a blue cat"]
        assert Vocabulary.from_captions(captions, min_count=1) == Vocabulary.from_captions(captions[::-1], min_count=1)

    def test_no_captions_leave_the_marks(self) -> None:
        assert len(Vocabulary.from_captions([])) == 4

    def test_refuses_a_count_below_one(self) -> None:
        with pytest.raises(ValueError, match="min_count is 0"):
            Vocabulary.from_captions(["a"], min_count=0)


class TestEncode:
    def test_puts_marks_around_and_padding_behind(self) -> None:
        ids = Vocabulary(["a", "dog"]).encode(["A dog", "a zebra dog", "dog"])
        assert ids.tolist() == [[1, 4, 5, 2, 0], [1, 4, 3, 5, 2], [1, 5, 2, 0, 0]]
        assert ids.dtype == np.int32

    def test_an_empty_caption_is_start_and_end(self) -> None:
        assert Vocabulary([]).encode(["", " "]).tolist() == [[1, 2], [1, 2]]

    def test_a_long_caption_keeps_its_end(self) -> None:
        assert Vocabulary(["a"]).encode(["a a a a a"], max_tokens=4).tolist() == [[1, 4, 4, 2]]

    def test_a_caption_of_just_the_limit_is_not_cut(self) -> None:
        assert Vocabulary(["a"]).encode(["a a"], max_tokens=4).tolist() == [[1, 4, 4, 2]]

    def test_no_captions_make_no_rows(self) -> None:
        assert Vocabulary([]).encode([]).shape == (0, 2)

    def test_refuses_a_limit_without_room_for_a_word(self) -> None:
        with pytest.raises(ValueError, match="max_tokens is 2"):
            Vocabulary([]).encode(["a"], max_tokens=2)


class TestJson:
    def test_gives_the_same_vocabulary_back(self) -> None:
        vocabulary = Vocabulary(["dog", "grün", "狗", "\ud83d", "``"])
        assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary

    def test_is_ascii(self) -> None:
        assert Vocabulary(["狗", "\ud83d"]).to_json().isascii()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "not json"),
            ("[]", "format and version None"),
            ('{"format": "crcl_core.vocabulary", "version": 9, "words": []}', "9"),
            ('{"format": "crcl_core.vocabulary", "version": 1, "words": [1]}', "not a list of strings"),
            ('{"format": "crcl_core.vocabulary", "version": 1}', "not a list of strings"),
        ],
    )
    def test_refuses_other_texts(self, text: str, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Vocabulary.from_json(text)


class TestFromOfficial:
    def test_keeps_the_ids_of_the_file(self, tmp_path: Path) -> None:
        vocabulary = Vocabulary.from_official(_official_file(tmp_path, [*MARKS, "two", "dogs"]))
        assert len(vocabulary) == 6
        assert vocabulary.encode(["Two dogs"]).tolist() == [[1, 4, 5, 2]]

    def test_reads_what_is_written_in_its_format(self, tmp_path: Path) -> None:
        vocabulary = Vocabulary(["dog", "grün", "狗"])
        (tmp_path / "vocab.json").write_text(vocabulary.to_official_json())
        assert Vocabulary.from_official(tmp_path / "vocab.json") == vocabulary

    def test_can_add_the_mask_that_official_checkpoints_have(self, tmp_path: Path) -> None:
        vocabulary = Vocabulary.from_official(_official_file(tmp_path, [*MARKS, "dogs"]), has_mask=True)
        assert vocabulary.words == ("dogs", "<mask>")
        assert 5 not in vocabulary.encode(["<mask> dogs"])

    def test_refuses_a_file_whose_padding_is_not_zero(self, tmp_path: Path) -> None:
        path = _official_file(tmp_path, ["<start>", "<pad>", "<end>", "<unk>", "dog"])
        with pytest.raises(ValueError, match=r"f30k_precomp_vocab\.json begins with \['<start>', '<pad>'"):
            Vocabulary.from_official(path)

    @pytest.mark.parametrize(
        "changes",
        [{"idx": 6}, {"idx": 4}, {"word2idx": {"<pad>": 0}}, {"idx2word": {}}, {"idx": "5"}, {"idx2word": None}],
    )
    def test_refuses_tables_that_contradict_each_other(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"vocab\.json.*expected"):
            Vocabulary.from_official(_official_file(tmp_path, [*MARKS, "dog"], **changes))

    @pytest.mark.parametrize("content", [b"not json", b"\xff\xfe", b"[]", b"{}"])
    def test_refuses_other_files(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "vocab.json"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"vocab\.json"):
            Vocabulary.from_official(path)
