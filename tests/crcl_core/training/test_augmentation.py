import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.data.vocabulary import END_ID, START_ID, UNKNOWN_ID
from crcl_core.models import ModelKind
from crcl_core.seeding import generator
from crcl_core.training import TrainingConfig
from crcl_core.training.augmentation import Augmentation, disturb_words, drop_regions

VOCABULARY_SIZE = 50


def _captions(n: int = 400, most: int = 12) -> Tensor:
    """(n, most) ids, of 1 to `most` words each, padded with 0; no word is special."""
    random = np.random.default_rng(1)
    ids = random.integers(4, VOCABULARY_SIZE, (n, most))
    lengths = random.integers(1, most + 1, n)
    return torch.from_numpy(np.where(np.arange(most) < lengths[:, None], ids, 0))


class TestDisturbWords:
    def test_nothing_is_touched_at_ratio_0(self) -> None:
        captions = _captions()
        assert torch.equal(disturb_words(captions, 0.0, VOCABULARY_SIZE, generator(0)), captions)

    def test_the_given_captions_stay_as_they_are(self) -> None:
        captions = _captions()
        before = captions.clone()
        disturb_words(captions, 0.9, VOCABULARY_SIZE, generator(0))
        assert torch.equal(captions, before)

    def test_shares_are_those_of_the_reference(self) -> None:
        captions = torch.full((2_000, 20), 7)
        disturbed = disturb_words(captions, 0.2, 10_000, generator(0))
        n_words = captions.numel()
        assert int((disturbed == UNKNOWN_ID).sum()) / n_words == pytest.approx(0.10, abs=0.01)
        assert int((disturbed == 0).sum()) / n_words == pytest.approx(0.08, abs=0.01)
        assert int((disturbed == 7).sum()) / n_words == pytest.approx(0.80, abs=0.01)

    def test_what_is_left_keeps_its_order_and_its_padding_behind(self) -> None:
        captions = torch.arange(4, 24).repeat(50, 1)
        disturbed = disturb_words(captions, 0.5, 5, generator(0))  # The only random word is 4.
        for row in disturbed.tolist():
            n_left = sum(word != 0 for word in row)
            assert row[n_left:] == [0] * (20 - n_left)
            kept = [word for word in row if word > 4]
            assert kept == sorted(kept)

    def test_a_caption_never_becomes_empty(self) -> None:
        disturbed = disturb_words(_captions(), 1.0, VOCABULARY_SIZE, generator(0))
        assert bool((disturbed[:, 0] != 0).all())

    def test_random_words_are_words_of_the_vocabulary(self) -> None:
        disturbed = disturb_words(_captions(), 1.0, VOCABULARY_SIZE, generator(0))
        assert int(disturbed.max()) < VOCABULARY_SIZE
        assert not set(disturbed.flatten().tolist()) & {START_ID, END_ID}

    def test_a_vocabulary_without_words_has_only_the_unknown_one(self) -> None:
        disturbed = disturb_words(torch.full((50, 4), UNKNOWN_ID), 1.0, 4, generator(0))
        assert set(disturbed.flatten().tolist()) <= {0, UNKNOWN_ID}

    def test_one_seed_gives_the_same_words(self) -> None:
        first, second = (disturb_words(_captions(), 0.3, VOCABULARY_SIZE, generator(5)) for _ in range(2))
        assert torch.equal(first, second)


class TestDropRegions:
    def test_overwrites_whole_regions_at_the_given_ratio(self) -> None:
        regions = torch.ones(500, 20, 3)
        dropped = drop_regions(regions, 0.2, 0.0, generator(0))
        is_dropped = (dropped == 0).all(dim=2)
        assert torch.equal(is_dropped, (dropped == 0).any(dim=2))
        assert float(is_dropped.float().mean()) == pytest.approx(0.2, abs=0.02)

    def test_the_given_regions_stay_as_they_are(self) -> None:
        regions = torch.ones(5, 4, 3)
        drop_regions(regions, 0.9, 0.0, generator(0))
        assert bool((regions == 1).all())

    def test_one_region_of_an_image_always_stays(self) -> None:
        dropped = drop_regions(torch.ones(50, 4, 3), 1.0, 0.0, generator(0))
        assert (dropped.sum(dim=(1, 2)) == 3).all()

    def test_nothing_is_dropped_at_ratio_0(self) -> None:
        regions = torch.ones(5, 4, 3)
        assert torch.equal(drop_regions(regions, 0.0, 0.0, generator(0)), regions)


class TestAugmentation:
    def test_vectors_pass_unchanged(self) -> None:
        images, captions = torch.ones(3, 4), torch.ones(3, 5)
        augmentation = Augmentation.for_training(TrainingConfig(), None)
        assert augmentation(images, captions, generator(0)) == (images, captions)

    @pytest.mark.parametrize(("model", "fill"), [(ModelKind.VSE_INFTY, 0.0), (ModelKind.SAF, 1e-10)])
    def test_a_dropped_region_is_what_its_model_takes_for_one(self, model: ModelKind, fill: float) -> None:
        augmentation = Augmentation.for_training(TrainingConfig(model=model, region_drop_ratio=1.0), VOCABULARY_SIZE)
        images, captions = augmentation(torch.ones(400, 3, 4), _captions(), generator(0))
        assert sorted(set(images.flatten().tolist())) == pytest.approx([fill, 1.0])
        assert not torch.equal(captions, _captions())
