import numpy as np
from PIL import Image

from crcl_core.checks import CorpusChecks, check_corpus, measure_image
from crcl_core.types import FloatArray
from tests.crcl_core.checks.test_caption_language import FRENCH, GERMAN
from tests.crcl_core.checks.test_image_quality import textured

CAPTIONS = ["A dog runs over the wide green field", "A dog runs over the wide green field .", FRENCH, "img_0001.jpg"]


def checked(vectors: FloatArray | None, captions: list[str] = CAPTIONS) -> CorpusChecks:
    image = textured()
    plain = [Image.new("RGB", image.size, colour) for colour in ("white", "grey")]
    pictures = [image, image.resize((100, 80)), textured(seed=1), *plain]
    measures = [measure_image(picture) for picture in pictures]
    return check_corpus(
        image_scores=np.array([one.scores for one in measures], dtype=np.float32),
        image_hashes=np.array([one.hash_bits for one in measures]),
        n_paths=np.array([1, 1, 2, 1, 1]),
        captions=captions,
        n_images_of_caption=np.array([3] + [1] * (len(captions) - 1)),
        caption_vectors=vectors,
    )


class TestCheckCorpus:
    def test_each_issue_flags_what_has_it(self) -> None:
        vectors = np.array([[1, 0, 0], [1, 0.01, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
        found = checked(vectors)
        assert found.n_flagged_images() == {
            "dark": 0,
            "blurry": 0,
            "blank": 2,
            "odd_aspect": 0,
            "tiny": 0,
            "duplicate": 1,
            "near_duplicate": 2,
        }
        assert found.n_flagged_captions() == {
            "empty": 0,
            "overlong": 0,
            "wrong_language": 1,
            "boilerplate": 1,
            "duplicate": 1,
            "near_duplicate": 2,
        }
        assert found.image_sets.tolist() == [0, 0, -1, -1, -1]
        assert found.caption_sets.tolist() == [0, 0, -1, -1]

    def test_images_of_one_colour_are_not_copies_of_one_another(self) -> None:
        assert checked(None).images[3:, -1].tolist() == [1, 1]

    def test_without_vectors_near_duplicate_captions_are_not_sought(self) -> None:
        found = checked(None)
        assert found.n_flagged_captions()["near_duplicate"] is None
        assert np.isnan(found.captions[:, -1]).all()

    def test_the_language_is_the_corpuss(self) -> None:
        assert checked(None, GERMAN).language.main == "de"
