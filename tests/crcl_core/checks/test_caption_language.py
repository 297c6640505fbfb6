import numpy as np

from crcl_core.checks import CAPTION_THRESHOLDS, CaptionIssue, detect_languages

ENGLISH = [
    "A black dog jumps over a fence .",
    "Two girls play on a skateboard in a courtyard .",
    "An old man sits .",
    "Dog rolling in grass",
    "A man on a motorbike in midair",
    "skier on snow",
]
GERMAN = [
    "Ein Hund rennt über die Wiese.",
    "Zwei Kinder spielen am Strand.",
    "Eine Frau in einem roten Kleid geht die Straße entlang.",
]
FRENCH = "Une femme en robe rouge marche dans la rue"


def flagged(captions: list[str]) -> list[str]:
    scores = detect_languages(captions).scores
    return [text for text, score in zip(captions, scores, strict=True) if score < _THRESHOLD]


_THRESHOLD = np.float32(CAPTION_THRESHOLDS[CaptionIssue.WRONG_LANGUAGE])


class TestDetectLanguages:
    def test_a_french_caption_among_english_ones_is_flagged_and_no_short_english_one(self) -> None:
        assert flagged([*ENGLISH, FRENCH]) == [FRENCH]

    def test_another_script_is_flagged(self) -> None:
        assert flagged([*ENGLISH, "Собака бежит по траве"]) == ["Собака бежит по траве"]

    def test_an_english_caption_among_german_ones_is_flagged(self) -> None:
        found = detect_languages([*GERMAN, ENGLISH[1]])
        assert (found.main, found.counts) == ("de", {"de": 3, "en": 1})
        assert flagged([*GERMAN, ENGLISH[1]]) == [ENGLISH[1]]

    def test_each_caption_has_its_language(self) -> None:
        assert detect_languages([GERMAN[0], FRENCH, "123 !"]).languages == ["de", "fr", ""]

    def test_what_has_no_letters_is_of_no_language(self) -> None:
        found = detect_languages(["123", "...", ""])
        assert (found.main, found.counts, found.scores.tolist()) == (None, {}, [1, 1, 1])

    def test_no_captions(self) -> None:
        assert detect_languages([]).main is None
