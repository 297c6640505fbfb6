import numpy as np
import torch

from crcl_core.models.saf import Saf
from tests.crcl_core.models import pair_oracle as oracle
from tests.crcl_core.models.pair_models import CAPTIONS, images, model, weights_of


class TestSaf:
    def test_equals_the_paper_computed_one_pair_at_a_time(self) -> None:
        saf = model("saf").eval()
        assert isinstance(saf, Saf)
        weights = weights_of(saf)
        found = saf(images(), CAPTIONS).detach()
        fragments = saf.encoder(images(), CAPTIONS)
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
                vector = oracle.filtered(oracle.weights_below(weights, "filtration."), pair_nodes)
                np.testing.assert_allclose(found[i, c], oracle.score(weights, vector), rtol=1e-8)

    def test_the_running_statistics_move_once_a_caption(self) -> None:
        saf = model("saf", memory_budget_bytes=1).train()
        assert isinstance(saf, Saf)
        torch.autograd.backward(saf(images(), CAPTIONS).sum())
        assert saf.filtration.attention_norm.num_batches_tracked is not None
        assert int(saf.filtration.attention_norm.num_batches_tracked) == len(CAPTIONS)

    def test_no_pairs_leave_the_running_statistics(self) -> None:
        saf = model("saf").train()
        assert isinstance(saf, Saf)
        before = {name: value.clone() for name, value in saf.filtration.state_dict().items()}
        saf(images(), CAPTIONS[:0])
        torch.testing.assert_close(saf.filtration.state_dict(), before, rtol=0, atol=0)
