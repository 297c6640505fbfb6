from collections import Counter

import pytest

from crcl_core.synthetic import (
    DEFAULT_MISMATCHES,
    ImageFormat,
    MismatchKind,
    SyntheticCorpus,
    n_contradictions,
    render_corpus,
    render_demo_corpus,
)

SHARES = dict.fromkeys(MismatchKind, 0.1)
CORPUS = render_corpus(300, 5, captions_per_image=(1, 3), mismatches=SHARES, edge_px=32)


def of_kind(corpus: SyntheticCorpus, kind: MismatchKind | None) -> list[int]:
    return [number for number, pair in enumerate(corpus.pairs) if pair.kind is kind]


def contradictions(corpus: SyntheticCorpus, number: int) -> int:
    pair = corpus.pairs[number]
    return n_contradictions(pair.caption.claims, corpus.images[pair.image].scene.facts)


class TestRenderCorpus:
    def test_each_kind_has_its_share_of_the_pairs(self) -> None:
        counts = Counter(pair.kind for pair in CORPUS.pairs)
        copies = counts.pop(MismatchKind.DUPLICATE_IMAGE)
        expected = round(0.1 * len(CORPUS.pairs))
        assert {counts[kind] for kind in SHARES if kind is not MismatchKind.DUPLICATE_IMAGE} == {expected}
        # Copies have one caption each and are counted before that shrinks the corpus.
        assert expected <= copies <= 1.15 * expected

    def test_clean_pairs_have_a_true_caption(self) -> None:
        for number in of_kind(CORPUS, None):
            assert contradictions(CORPUS, number) == 0
            assert CORPUS.pairs[number].true_caption is CORPUS.pairs[number].caption

    def test_every_true_caption_is_true(self) -> None:
        for pair in CORPUS.pairs:
            assert n_contradictions(pair.true_caption.claims, CORPUS.images[pair.image].scene.facts) == 0

    @pytest.mark.parametrize("kind", [kind for kind in MismatchKind if kind is not MismatchKind.NEAR_SWAP])
    def test_a_mismatch_is_wrong_in_two_attributes_at_least(self, kind: MismatchKind) -> None:
        assert all(contradictions(CORPUS, number) >= 2 for number in of_kind(CORPUS, kind))

    def test_a_near_swap_is_wrong_in_exactly_one_attribute(self) -> None:
        near = of_kind(CORPUS, MismatchKind.NEAR_SWAP)
        assert all(contradictions(CORPUS, number) == 1 for number in near)
        for pair in (CORPUS.pairs[number] for number in near):
            told, true = pair.caption.claims, pair.true_caption.claims
            assert len(told.groups) == len(true.groups)
            assert pair.caption.text != pair.true_caption.text

    def test_near_swaps_alter_different_attributes(self) -> None:
        altered: Counter[str] = Counter()
        for pair in (CORPUS.pairs[number] for number in of_kind(CORPUS, MismatchKind.NEAR_SWAP)):
            told, true = pair.caption.claims, pair.true_caption.claims
            altered.update(
                name for name in vars(told) if name != "groups" and getattr(told, name) != getattr(true, name)
            )
            for one, other in zip(told.groups, true.groups, strict=True):
                altered.update(name for name in vars(one) if getattr(one, name) != getattr(other, name))
        assert {"shape", "colour", "count", "backdrop_kind"} <= set(altered)

    def test_random_swaps_exchange_their_captions(self) -> None:
        swapped = [CORPUS.pairs[number] for number in of_kind(CORPUS, MismatchKind.RANDOM_SWAP)]
        assert Counter(id(pair.caption) for pair in swapped) == Counter(id(pair.true_caption) for pair in swapped)

    def test_a_shifted_block_has_the_captions_of_the_next_images(self) -> None:
        shifted = of_kind(CORPUS, MismatchKind.SHIFTED_BLOCK)
        owner = {id(CORPUS.pairs[number].true_caption): CORPUS.pairs[number].image for number in shifted}
        steps = [owner[id(CORPUS.pairs[number].caption)] - CORPUS.pairs[number].image for number in shifted]
        # Only the last pair of a block takes the caption of its first.
        assert steps.count(1) >= 0.7 * len(steps)
        assert all(step == 1 or step < 0 for step in steps)

    def test_a_pasted_caption_stays_right_on_its_own_image(self) -> None:
        pasted = Counter(CORPUS.pairs[n].caption.text for n in of_kind(CORPUS, MismatchKind.DUPLICATE_CAPTION))
        clean = {CORPUS.pairs[number].caption.text for number in of_kind(CORPUS, None)}
        assert set(pasted) <= clean
        assert max(pasted.values()) >= 10

    def test_a_duplicate_image_has_the_bytes_of_another_under_its_own_name(self) -> None:
        for pair in (CORPUS.pairs[number] for number in of_kind(CORPUS, MismatchKind.DUPLICATE_IMAGE)):
            original = CORPUS.images[pair.image].copy_of
            assert original is not None
            assert CORPUS.images[original].copy_of is None
            assert CORPUS.images[original].path != CORPUS.images[pair.image].path
            assert CORPUS.image_bytes(original) == CORPUS.image_bytes(pair.image)

    def test_a_duplicate_image_has_a_caption_of_a_third_image(self) -> None:
        for pair in (CORPUS.pairs[number] for number in of_kind(CORPUS, MismatchKind.DUPLICATE_IMAGE)):
            claims = pair.caption.claims
            assert any(n_contradictions(claims, image.scene.facts) == 0 for image in CORPUS.images)

    def test_captions_of_one_image_differ(self) -> None:
        told = Counter((pair.image, pair.true_caption.text.casefold().rstrip(".")) for pair in CORPUS.pairs)
        assert max(told.values()) == 1

    def test_every_image_draws_its_captions_from_the_range(self) -> None:
        n_captions = Counter(pair.image for pair in CORPUS.pairs)
        originals = {n_captions[number] for number, image in enumerate(CORPUS.images) if image.copy_of is None}
        assert originals == {1, 2, 3}

    def test_ids_and_paths_are_unique(self) -> None:
        assert len({pair.pair_id for pair in CORPUS.pairs}) == len(CORPUS.pairs)
        assert len({image.path for image in CORPUS.images}) == len(CORPUS.images) == 300

    def test_the_same_arguments_give_the_same_corpus(self) -> None:
        again = render_corpus(300, 5, captions_per_image=(1, 3), mismatches=SHARES, edge_px=32)
        assert again == CORPUS
        assert again.image_bytes(7) == CORPUS.image_bytes(7)

    def test_another_seed_gives_another_corpus(self) -> None:
        assert render_corpus(3, 6).pairs != render_corpus(3, 7).pairs

    def test_n_mismatches_counts_by_kind_and_in_all(self) -> None:
        by_kind = [CORPUS.n_mismatches(kind) for kind in MismatchKind]
        assert CORPUS.n_mismatches() == sum(by_kind) == len(CORPUS.pairs) - len(of_kind(CORPUS, None))


class TestEdges:
    def test_one_clean_image_is_a_corpus(self) -> None:
        corpus = render_corpus(1, 0, mismatches={})
        assert (len(corpus.images), len(corpus.pairs), corpus.n_mismatches()) == (1, 1, 0)

    def test_five_captions_an_image(self) -> None:
        assert len(render_corpus(4, 0, captions_per_image=5, mismatches={}).pairs) == 20

    def test_a_corpus_may_be_mostly_mismatched(self) -> None:
        corpus = render_corpus(100, 0, mismatches={MismatchKind.RANDOM_SWAP: 0.8})
        assert corpus.n_mismatches(MismatchKind.RANDOM_SWAP) == 80

    def test_a_block_is_never_of_one(self) -> None:
        corpus = render_corpus(100, 0, mismatches={MismatchKind.SHIFTED_BLOCK: 0.13})
        assert corpus.n_mismatches(MismatchKind.SHIFTED_BLOCK) == 13

    @pytest.mark.parametrize("kind", [MismatchKind.RANDOM_SWAP, MismatchKind.SHIFTED_BLOCK])
    def test_a_single_pair_cannot_exchange_so_two_are_taken(self, kind: MismatchKind) -> None:
        assert render_corpus(20, 0, mismatches={kind: 0.05}).n_mismatches(kind) == 2

    @pytest.mark.parametrize("n_captions", [0, 6, (2, 1), (0, 3)])
    def test_captions_out_of_range_are_refused(self, n_captions: int | tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="allowed are 1 to 5"):
            render_corpus(3, 0, captions_per_image=n_captions)

    def test_no_image_is_refused(self) -> None:
        with pytest.raises(ValueError, match="n_images is 0"):
            render_corpus(0, 0)

    def test_a_tiny_edge_is_refused(self) -> None:
        with pytest.raises(ValueError, match="edge_px is 8"):
            render_corpus(3, 0, edge_px=8)

    @pytest.mark.parametrize("share", [-0.1, 0.9])
    def test_shares_out_of_range_are_refused(self, share: float) -> None:
        with pytest.raises(ValueError, match=r"expected at least 0 each and 0\.8 in all"):
            render_corpus(30, 0, mismatches={MismatchKind.NEAR_SWAP: share})

    def test_more_copies_than_images_are_refused(self) -> None:
        with pytest.raises(ValueError, match="cannot hold 20 duplicate images"):
            render_corpus(5, 0, captions_per_image=5, mismatches={MismatchKind.DUPLICATE_IMAGE: 0.8})

    def test_a_corpus_too_small_to_mismatch_says_so(self) -> None:
        with pytest.raises(ValueError, match="too small for 2 mismatches of kind random_swap"):
            render_corpus(1, 0, mismatches={MismatchKind.RANDOM_SWAP: 0.6})


class TestRenderDemoCorpus:
    def test_it_is_of_demo_size_with_every_kind_of_mismatch(self) -> None:
        corpus = render_demo_corpus()
        assert len(corpus.images) == 1000
        assert 1300 < len(corpus.pairs) < 1700
        assert {pair.kind for pair in corpus.pairs} == {None, *MismatchKind}
        assert 0.12 < corpus.n_mismatches() / len(corpus.pairs) < 0.2
        assert corpus.image_format is ImageFormat.JPEG

    def test_the_default_shares_name_every_kind(self) -> None:
        assert set(DEFAULT_MISMATCHES) == set(MismatchKind)
