import numpy as np
import torch

from crcl_core.models.similarity_nodes import SimilarityNodes, nodes_of
from tests.crcl_core.models.pair_models import block, roughen, weights_of
from tests.crcl_core.models.pair_oracle import nodes


class TestSimilarityNodes:
    def test_equal_the_paper_computed_one_word_at_a_time(self) -> None:
        module = SimilarityNodes(8, 5).double()
        roughen(module)
        images, captions = block()
        found = module(block()).detach()
        assert found.shape == (2, 3, 5, 5)  # two images, three captions, at most four words, S = 5
        for i in range(2):
            for c, length in enumerate((4, 2, 1)):
                expected = nodes(
                    weights_of(module),
                    images.regions[i].numpy(),
                    images.image_globals[i].numpy(),
                    captions.words[c, :length].numpy(),
                    captions.caption_globals[c].numpy(),
                )
                np.testing.assert_allclose(found[i, c, : 1 + length], expected, rtol=1e-9)

    def test_an_image_and_caption_that_agree_leave_the_bias(self) -> None:
        module = SimilarityNodes(8, 5).double()
        roughen(module)
        images, captions = block(n_images=1, lengths=(1,))
        same = block(n_images=1, lengths=(1,))._replace(
            captions=captions._replace(caption_globals=images.image_globals)
        )
        expected = torch.nn.functional.normalize(module.whole.bias, dim=0)
        torch.testing.assert_close(module(same)[0, 0, 0], expected, atol=1e-6, rtol=1e-6)


class TestNodesOf:
    def test_every_caption_has_the_global_node_and_one_a_word(self) -> None:
        is_word = torch.tensor([[True, True], [True, False]])
        assert nodes_of(is_word).tolist() == [[True, True, True], [True, True, False]]
