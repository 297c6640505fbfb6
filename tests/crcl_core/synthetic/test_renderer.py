import io
from dataclasses import replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from crcl_core.synthetic import ImageFormat, encode_image, render_scene, sample_scene
from crcl_core.synthetic.palette import RGB_OF
from crcl_core.synthetic.scene import (
    PATTERNS,
    Arrangement,
    Backdrop,
    BackdropKind,
    Colour,
    Group,
    Placement,
    Scene,
    SceneFacts,
    Shape,
    Size,
    Texture,
)
from crcl_core.synthetic.shapes import draw_mask
from crcl_core.synthetic.textures import draw_pattern
from crcl_core.types import BoolArray

Pixels = npt.NDArray[np.int64]
EDGE_PX = 160


def pixels(scene: Scene, edge_px: int = EDGE_PX) -> Pixels:
    return np.asarray(render_scene(scene, edge_px)).astype(np.int64)


def nearest_colour(rgb: Pixels) -> Colour:
    return min(Colour, key=lambda colour: float(np.square(rgb - np.array(RGB_OF[colour])).sum()))


def box(picture: Pixels, placement: Placement, share: float = 1.0) -> Pixels:
    """The pixels of an object's box, shrunk to a share of its edge."""
    edge_px = len(picture)
    reach = placement.diameter * share / 2
    bounds = [round((at + side * reach) * edge_px) for at in (placement.y, placement.x) for side in (-1, 1)]
    return picture[max(0, bounds[0]) : bounds[1], max(0, bounds[2]) : bounds[3]]


def single(group: Group, backdrop: Backdrop, diameter: float = 0.5) -> Scene:
    """One large object in the middle."""
    facts = SceneFacts(groups=(group,), arrangement=Arrangement.SINGLE, place=None, backdrop=backdrop)
    placement = Placement(x=0.5, y=0.5, diameter=diameter, tilt_degrees=0)
    return Scene(facts=facts, placements=((placement,),), finish_seed=1)


def n_components(is_inside: BoolArray, n_least: int) -> int:
    """Counts connected regions of at least some pixels."""
    left = {(int(y), int(x)) for y, x in np.argwhere(is_inside)}
    count = 0
    while left:
        border, size = [left.pop()], 0
        while border:
            y, x = border.pop()
            size += 1
            for neighbour in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if neighbour in left:
                    left.remove(neighbour)
                    border.append(neighbour)
        count += size >= n_least
    return count


class TestColour:
    @pytest.mark.parametrize("texture", list(Texture))
    @pytest.mark.parametrize("colour", list(Colour))
    def test_most_of_an_object_has_its_colour(self, colour: Colour, texture: Texture) -> None:
        far = Colour.GREEN if colour in {Colour.RED, Colour.PURPLE, Colour.BROWN} else Colour.PURPLE
        far = Colour.YELLOW if colour in {Colour.BLACK, Colour.PINK, Colour.BLUE} else far
        scene = single(
            Group(shape=Shape.SQUARE, colour=colour, texture=texture, size=Size.LARGE, count=1),
            Backdrop(kind=BackdropKind.PLAIN, colour=far),
        )
        inside = box(pixels(scene), scene.placements[0][0], 0.6).reshape(-1, 3)
        named = [nearest_colour(pixel) is colour for pixel in inside]
        assert np.mean(named) > 0.5

    @pytest.mark.parametrize("colour", list(Colour))
    @pytest.mark.parametrize("kind", list(PATTERNS))
    def test_most_of_a_patterned_backdrop_has_its_colour(self, kind: BackdropKind, colour: Colour) -> None:
        scene = replace(sample_scene(0, 0), placements=((),))
        backdrop = Backdrop(kind=kind, colour=colour)
        facts = replace(scene.facts, backdrop=backdrop, groups=scene.facts.groups[:1])
        picture = pixels(replace(scene, facts=facts)).reshape(-1, 3)
        # Half of a striped backdrop has a second shade, so the shade that is nearest to the colour must cover the rest.
        distance = np.abs(picture - np.array(RGB_OF[colour])).max(axis=1)
        assert np.mean(distance < 48) > 0.42


class TestShape:
    def test_no_two_shapes_look_alike(self) -> None:
        masks = {shape: np.asarray(draw_mask(shape, 96, 0.0)) > 127 for shape in Shape}
        for one, other in combinations(Shape, 2):
            overlap = (masks[one] & masks[other]).sum() / (masks[one] | masks[other]).sum()
            assert overlap < 0.87, (one, other)

    @pytest.mark.parametrize("shape", list(Shape))
    def test_a_shape_fills_its_box(self, shape: Shape) -> None:
        rows, columns = np.nonzero(np.asarray(draw_mask(shape, 100, 0.0)))
        assert max(np.ptp(rows), np.ptp(columns)) > 80
        assert 0.2 < len(rows) / 100**2 < 0.75

    @pytest.mark.parametrize("shape", list(Shape))
    def test_the_drawn_outline_is_where_the_picture_changes(self, shape: Shape) -> None:
        group = Group(shape=shape, colour=Colour.RED, texture=Texture.PLAIN, size=Size.LARGE, count=1)
        scene = single(group, Backdrop(kind=BackdropKind.PLAIN, colour=Colour.WHITE))
        picture = pixels(scene)
        # Red on white: only the object takes away green without taking red; its shadow takes both.
        is_red = picture[..., 0] - picture[..., 1] > 60
        mask = np.asarray(draw_mask(shape, EDGE_PX, 0.0, 0.5)) > 127
        assert (is_red & mask).sum() / (is_red | mask).sum() > 0.8


class TestTexture:
    @pytest.mark.parametrize("texture", list(Texture)[1:])
    def test_a_pattern_is_seen_but_leaves_the_main_colour_most_of_the_area(self, texture: Texture) -> None:
        pattern = draw_pattern(texture, 150)
        assert pattern is not None
        assert 0.15 < (np.asarray(pattern) > 127).mean() < 0.48

    def test_a_plain_object_has_no_pattern(self) -> None:
        assert draw_pattern(Texture.PLAIN, 150) is None

    def test_no_two_patterns_look_alike(self) -> None:
        drawn = [np.asarray(draw_pattern(texture, 120)) > 127 for texture in list(Texture)[1:]]
        assert all((one != other).mean() > 0.15 for one, other in combinations(drawn, 2))

    @pytest.mark.parametrize("texture", list(Texture)[1:])
    def test_a_patterned_object_differs_from_a_plain_one(self, texture: Texture) -> None:
        group = Group(shape=Shape.CIRCLE, colour=Colour.GREEN, texture=texture, size=Size.SMALL, count=1)
        backdrop = Backdrop(kind=BackdropKind.PLAIN, colour=Colour.RED)
        patterned = single(group, backdrop, diameter=0.155)
        plain = single(replace(group, texture=Texture.PLAIN), backdrop, diameter=0.155)
        difference = np.abs(pixels(patterned) - pixels(plain)).max(axis=2)
        assert (box(difference[..., None], patterned.placements[0][0]) > 30).mean() > 0.08


class TestCountAndPlace:
    @pytest.mark.parametrize("number", range(12))
    def test_as_many_objects_are_seen_as_there_are_and_where_they_are(self, number: int) -> None:
        sampled = sample_scene(21, number)
        groups = tuple(replace(group, colour=Colour.RED, texture=Texture.PLAIN) for group in sampled.facts.groups)
        facts = replace(sampled.facts, groups=groups, backdrop=Backdrop(kind=BackdropKind.PLAIN, colour=Colour.WHITE))
        picture = pixels(replace(sampled, facts=facts))
        is_red = picture[..., 0] - picture[..., 1] > 90
        assert n_components(is_red, n_least=30) == sum(group.count for group in groups)
        for placement in (p for placed in sampled.placements for p in placed):
            assert box(is_red[..., None].astype(np.int64), placement).mean() > 0.15

    def test_a_large_object_covers_more_than_a_small_one(self) -> None:
        group = Group(shape=Shape.HEART, colour=Colour.RED, texture=Texture.PLAIN, size=Size.LARGE, count=1)
        backdrop = Backdrop(kind=BackdropKind.PLAIN, colour=Colour.WHITE)
        covered = [
            (picture[..., 0] - picture[..., 1] > 90).sum()
            for picture in (pixels(single(group, backdrop, diameter)) for diameter in (0.37, 0.155))
        ]
        assert covered[0] > 4 * covered[1]


class TestBackdrop:
    def test_no_two_backdrops_look_alike(self) -> None:
        scene = replace(sample_scene(0, 0), placements=((),))
        facts = replace(scene.facts, groups=scene.facts.groups[:1])
        painted = []
        for kind in BackdropKind:
            backdrop = Backdrop(kind=kind, colour=Colour.BLUE if kind in PATTERNS else None)
            painted.append(pixels(replace(scene, facts=replace(facts, backdrop=backdrop))))
        for one, other in combinations(painted, 2):
            assert (np.abs(one - other).max(axis=2) > 25).mean() > 0.1


class TestRenderScene:
    @pytest.mark.parametrize("edge_px", [16, 33, 224])
    def test_any_edge_is_a_square_rgb_picture(self, edge_px: int) -> None:
        picture = render_scene(sample_scene(1, 2), edge_px)
        assert (picture.mode, picture.size) == ("RGB", (edge_px, edge_px))

    def test_the_same_scene_gives_the_same_pixels(self) -> None:
        assert np.array_equal(pixels(sample_scene(1, 2)), pixels(sample_scene(1, 2)))

    def test_the_finish_changes_the_pixels(self) -> None:
        scene = sample_scene(1, 2)
        assert not np.array_equal(pixels(scene), pixels(replace(scene, finish_seed=scene.finish_seed + 1)))


class TestEncodeImage:
    @pytest.mark.parametrize(("image_format", "name"), [(ImageFormat.JPEG, "JPEG"), (ImageFormat.PNG, "PNG")])
    def test_the_bytes_are_a_picture_of_the_format(self, image_format: ImageFormat, name: str) -> None:
        picture = render_scene(sample_scene(1, 2), 48)
        with Image.open(io.BytesIO(encode_image(picture, image_format))) as decoded:
            assert (decoded.format, decoded.size) == (name, (48, 48))
            assert np.abs(np.asarray(decoded).astype(int) - np.asarray(picture)).mean() < 6
