"""Paints a scene: the same scene gives the same pixels and, with the same libraries, the same bytes."""

import io
import math
from enum import StrEnum
from typing import Final

from PIL import Image, ImageFilter

from crcl_core.seeding import numpy_generator
from crcl_core.synthetic.backdrops import paint_backdrop
from crcl_core.synthetic.palette import LIGHT_COLOURS, RGB, RGB_OF, shaded
from crcl_core.synthetic.scene import Group, Placement, Scene
from crcl_core.synthetic.shading import add_grain, varied, vertical_blend
from crcl_core.synthetic.shapes import draw_mask
from crcl_core.synthetic.textures import draw_pattern

# Objects are drawn this much larger and reduced, which smooths their edges.
_SUPERSAMPLING: Final = 3
# A darker rim of one or two pixels sets an object off from any backdrop; the minimum of neighbours leaves it out.
_THIN_RIM: Final = ImageFilter.MinFilter(3)
_THICK_RIM: Final = ImageFilter.MinFilter(5)
_THICK_FROM_PX: Final = 64
_SHADOW_SHIFT: Final = 0.045
_SHADOW: Final = [level * 2 // 5 for level in range(256)]
_JPEG_QUALITY: Final = 88


class ImageFormat(StrEnum):
    """How pictures are stored; the value is the file's extension."""

    JPEG = "jpg"
    PNG = "png"


def render_scene(scene: Scene, edge_px: int) -> Image.Image:
    """Paints a scene as a square RGB picture with an edge of `edge_px`."""
    rng = numpy_generator(scene.finish_seed, "finish")
    picture = paint_backdrop(scene.facts.backdrop, edge_px, rng)
    for group, placements in zip(scene.facts.groups, scene.placements, strict=True):
        colour = varied(RGB_OF[group.colour], rng)
        for placement in placements:
            _paint_object(picture, group, placement, colour)
    add_grain(picture, rng)
    return picture


def encode_image(picture: Image.Image, image_format: ImageFormat) -> bytes:
    """Encodes a picture as the bytes of a file."""
    file = io.BytesIO()
    if image_format is ImageFormat.JPEG:
        # Full colour resolution: thin patterns in strong colours would bleed otherwise.
        picture.save(file, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    else:
        picture.save(file, "PNG", compress_level=3)
    return file.getvalue()


def _paint_object(picture: Image.Image, group: Group, placement: Placement, colour: RGB) -> None:
    diameter_px = max(3, round(placement.diameter * picture.width))
    # A tilted square needs more room than its edge.
    edge_px = diameter_px + 2 * math.ceil(diameter_px * 0.12)
    scale = diameter_px / edge_px
    large_px = edge_px * _SUPERSAMPLING
    outline = draw_mask(group.shape, large_px, placement.tilt_degrees, scale).reduce(_SUPERSAMPLING)
    inside = outline.filter(_THICK_RIM if diameter_px > _THICK_FROM_PX else _THIN_RIM)
    left, top = (round(centre * picture.width - edge_px / 2) for centre in (placement.x, placement.y))
    shift = max(1, round(diameter_px * _SHADOW_SHIFT))
    picture.paste((0, 0, 0), (left + shift, top + 2 * shift), outline.point(_SHADOW))
    picture.paste(shaded(colour, -0.45), (left, top), outline)
    picture.paste(_surface(group, colour, edge_px, diameter_px), (left, top), inside)


def _surface(group: Group, colour: RGB, edge_px: int, diameter_px: int) -> Image.Image:
    """The inside of an object: its colour, lit from above, with its pattern."""
    surface = vertical_blend(shaded(colour, 0.08), shaded(colour, -0.08), edge_px, edge_px)
    pattern = draw_pattern(group.texture, diameter_px * _SUPERSAMPLING)
    if pattern is not None:
        second = shaded(colour, -0.42) if group.colour in LIGHT_COLOURS else shaded(colour, 0.55)
        offset = (edge_px - diameter_px) // 2
        surface.paste(second, (offset, offset), pattern.reduce(_SUPERSAMPLING))
    return surface
