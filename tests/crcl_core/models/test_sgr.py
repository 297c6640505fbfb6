import numpy as np
import pytest

from crcl_core.models.sgr import Sgr
from tests.crcl_core.models import pair_oracle as oracle
from tests.crcl_core.models.pair_models import CAPTIONS, images, model, weights_of


class TestSgr:
    @pytest.mark.parametrize("n_steps", [1, 3])
    def test_equals_the_paper_computed_one_pair_at_a_time(self, n_steps: int) -> None:
        sgr = model("sgr", n_steps=n_steps).eval()
        assert isinstance(sgr, Sgr)
        weights = weights_of(sgr)
        found = sgr(images(), CAPTIONS).detach()
        fragments = sgr.encoder(images(), CAPTIONS)
        for i, regions in enumerate(fragments.regions.detach().numpy()):
            for c, length in enumerate(fragments.lengths.tolist()):
                words = fragments.words[c, :length].detach().numpy()
                pair_nodes = oracle.nodes(
                    oracle.weights_below(weights, "nodes."),
                    regions,
                    oracle.image_global(oracle.weights_below(weights, "encoder.image_global."), regions),
                    words,
                    oracle.caption_global(oracle.weights_below(weights, "encoder.caption_global."), words),
                )
                for step in range(n_steps):
                    pair_nodes = oracle.reasoned(oracle.weights_below(weights, f"reasoning.{step}."), pair_nodes)
                np.testing.assert_allclose(found[i, c], oracle.score(weights, pair_nodes[0]), rtol=1e-8)

    def test_refuses_no_step(self) -> None:
        with pytest.raises(ValueError, match="n_steps is 0, expected 1 or more"):
            model("sgr", n_steps=0)
