from tests.worker.pipeline.importing.formats.conftest import GREEN, RED, Tell, refusal

_TOKENS = b"a.jpg#0\tA red square .\na.jpg#1\tRed .\nb.jpg#0\tGreen .\n"
_IMAGES = {"Flicker8k_Dataset/a.jpg": RED, "Flicker8k_Dataset/b.jpg": GREEN}


class TestFlickr:
    def test_a_token_file(self, tell: Tell) -> None:
        told = tell(_IMAGES | {"Flickr8k_text/Flickr8k.token.txt": _TOKENS})
        assert (told.format, told.version.n_read) == ("flickr", 3)
        assert told.pairs[0] == ("a.jpg", "A red square .")
        assert told.ids == ["a.jpg#0", "a.jpg#1", "b.jpg#0"]

    def test_flickr30ks_file_has_another_name(self, tell: Tell) -> None:
        assert tell(_IMAGES | {"results_20130124.token": _TOKENS}).format == "flickr"

    def test_the_lists_of_images_become_the_split(self, tell: Tell) -> None:
        told = tell(_IMAGES | {"Flickr8k.token.txt": _TOKENS, "Flickr_8k.trainImages.txt": b"a.jpg\n"})
        assert told.extra == [{"split": "train"}, {"split": "train"}, None]

    def test_the_lemmatised_copy_is_not_taken(self, tell: Tell) -> None:
        told = tell(_IMAGES | {"Flickr8k.token.txt": _TOKENS, "Flickr8k.lemma.token.txt": b"a.jpg#0\tred square\n"})
        assert told.version.n_read == 3

    def test_known_broken_rows(self, tell: Tell) -> None:
        broken = b"b.jpg.1#1\tNamed twice .\nno tab here\ngone.jpg#0\tGone .\n"
        told = tell(_IMAGES | {"Flickr8k.token.txt": _TOKENS * 4 + broken})
        assert told.pairs[-1] == ("b.jpg", "Named twice .")
        assert told.ids[-1] == "b.jpg.1#1"
        assert told.rejected == [
            ("Flickr8k.token.txt", 14, "malformed_row"),
            ("Flickr8k.token.txt", 15, "missing_image"),
        ]

    def test_two_token_files_are_refused(self, tell: Tell) -> None:
        assert refusal(tell, _IMAGES | {"a.token": _TOKENS, "b.token": _TOKENS}).code == "ambiguous_manifest"
