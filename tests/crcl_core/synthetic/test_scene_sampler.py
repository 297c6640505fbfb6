from itertools import combinations, pairwise

import numpy as np
import pytest

from crcl_core.synthetic import sample_scene
from crcl_core.synthetic.palette import is_close, is_visible_on
from crcl_core.synthetic.scene import Arrangement, BackdropKind, Colour, Place, Placement, Scene, Shape, Size, Texture

SCENES = [sample_scene(3, number) for number in range(800)]


def centre(placements: tuple[Placement, ...]) -> tuple[float, float]:
    return float(np.mean([p.x for p in placements])), float(np.mean([p.y for p in placements]))


class TestSampleScene:
    def test_every_value_of_every_attribute_occurs(self) -> None:
        groups = [group for scene in SCENES for group in scene.facts.groups]
        assert {group.shape for group in groups} == set(Shape)
        assert {group.colour for group in groups} == set(Colour)
        assert {group.texture for group in groups} == set(Texture)
        assert {group.size for group in groups} == set(Size)
        assert {group.count for group in groups} == {1, 2, 3, 4, 5, 6}
        assert {scene.facts.backdrop.kind for scene in SCENES} == set(BackdropKind)
        assert {scene.facts.place for scene in SCENES} == {None, *Place}
        assert {len(scene.facts.groups) for scene in SCENES} == {1, 2, 3}

    def test_the_words_for_variety_are_kept(self) -> None:
        assert min(len(Shape), len(Colour)) >= 10
        assert len(Texture) >= 5
        assert len(BackdropKind) >= 6

    def test_every_object_of_a_group_is_placed(self) -> None:
        for scene in SCENES:
            assert [len(placed) for placed in scene.placements] == [group.count for group in scene.facts.groups]

    def test_every_object_stands_within_the_picture(self) -> None:
        for placement in (p for scene in SCENES for placed in scene.placements for p in placed):
            radius = placement.diameter / 2
            assert radius <= placement.x <= 1 - radius
            assert radius <= placement.y <= 1 - radius

    def test_no_two_objects_overlap(self) -> None:
        for scene in SCENES:
            for one, other in combinations([p for placed in scene.placements for p in placed], 2):
                apart = max(abs(one.x - other.x), abs(one.y - other.y))
                assert apart > (one.diameter + other.diameter) / 2

    def test_groups_share_neither_shape_nor_colour(self) -> None:
        for groups in (scene.facts.groups for scene in SCENES):
            assert len({group.shape for group in groups}) == len({group.colour for group in groups}) == len(groups)

    def test_every_object_stands_out_from_the_backdrop(self) -> None:
        for facts in (scene.facts for scene in SCENES):
            assert all(
                is_visible_on(group.colour, facts.backdrop.kind, facts.backdrop.colour) for group in facts.groups
            )

    def test_sizes_do_not_shade_into_each_other(self) -> None:
        diameters: dict[Size, list[float]] = {size: [] for size in Size}
        for scene in SCENES:
            for group, placed in zip(scene.facts.groups, scene.placements, strict=True):
                diameters[group.size] += [placement.diameter for placement in placed]
        assert max(diameters[Size.SMALL]) * 1.3 < min(diameters[Size.MEDIUM])
        assert max(diameters[Size.MEDIUM]) * 1.3 < min(diameters[Size.LARGE])

    def test_the_place_is_the_third_in_which_a_single_group_stands(self) -> None:
        for scene in (scene for scene in SCENES if scene.facts.place is not None):
            x, y = centre(scene.placements[0])
            named = tuple(Place).index(scene.facts.place or Place.MIDDLE)
            # A row of objects may be half as wide as the picture, so its centre lies well within one of three bands.
            column = 0 if x < 0.38 else 1 if x < 0.62 else 2
            row = 0 if y < 0.38 else 1 if y < 0.62 else 2
            assert named == 3 * row + column

    def test_groups_stand_in_the_order_of_their_arrangement(self) -> None:
        for scene in (scene for scene in SCENES if scene.facts.arrangement is not Arrangement.SINGLE):
            axis = 0 if scene.facts.arrangement is Arrangement.LEFT_TO_RIGHT else 1
            edges = [
                [((p.x, p.y)[axis] - p.diameter / 2, (p.x, p.y)[axis] + p.diameter / 2) for p in placed]
                for placed in scene.placements
            ]
            for before, after in pairwise(edges):
                assert max(stop for _, stop in before) < min(start for start, _ in after)

    def test_a_larger_corpus_begins_with_the_same_scenes(self) -> None:
        assert [sample_scene(3, number) for number in range(5)] == SCENES[:5]

    def test_another_seed_gives_other_scenes(self) -> None:
        assert sample_scene(4, 0) != SCENES[0]


class TestPalette:
    @pytest.mark.parametrize("colour", list(Colour))
    def test_a_colour_is_close_to_itself_and_closeness_is_mutual(self, colour: Colour) -> None:
        assert is_close(colour, colour)
        assert all(is_close(colour, other) == is_close(other, colour) for other in Colour)

    @pytest.mark.parametrize("kind", list(BackdropKind))
    def test_three_colours_at_least_stand_out_from_every_backdrop(self, kind: BackdropKind) -> None:
        own: list[Colour | None] = [None] if any(_has_own_colours(scene, kind) for scene in SCENES) else list(Colour)
        for backdrop_colour in own:
            assert sum(is_visible_on(colour, kind, backdrop_colour) for colour in Colour) >= 3


def _has_own_colours(scene: Scene, kind: BackdropKind) -> bool:
    return scene.facts.backdrop.kind is kind and scene.facts.backdrop.colour is None
