import numpy as np

from crcl_core.repair import rank_captions
from tests.crcl_core.repair.corpora import judged_corpus


class TestRankCaptions:
    def test_a_wrong_caption_is_the_last_of_its_image(self) -> None:
        own = np.arange(60)
        own[[12, 33]] = own[[33, 12]]
        corpus = judged_corpus(own, captions_per_image=5)
        ranking = rank_captions(corpus.features, corpus.held_out, corpus.correspondence, seed=0)
        assert ranking.place[[12, 33]].tolist() == [5, 5]
        assert sorted(ranking.place[10:15].tolist()) == [1, 2, 3, 4, 5]

    def test_the_best_of_each_image_can_be_kept(self) -> None:
        corpus = judged_corpus(np.arange(60), captions_per_image=5)
        kept = rank_captions(corpus.features, corpus.held_out, corpus.correspondence, seed=0).best(2)
        assert np.bincount(corpus.features.image_index[kept]).tolist() == [2] * 12

    def test_an_only_caption_is_the_first(self) -> None:
        corpus = judged_corpus([0])
        assert rank_captions(corpus.features, corpus.held_out, corpus.correspondence, seed=0).place.tolist() == [1]
