"""Gradients, small variations of colour and grain: what makes flat shapes look painted."""

from functools import lru_cache

import numpy as np
from PIL import Image

from crcl_core.seeding import numpy_generator
from crcl_core.synthetic.palette import RGB

_COLOUR_VARIATION = 9
_GRAIN_STRENGTH = 7


def varied(colour: RGB, rng: np.random.Generator) -> RGB:
    """Moves a colour a little, never so far that it would take another name."""
    return moved(colour, *rng.integers(-_COLOUR_VARIATION, _COLOUR_VARIATION + 1, size=3).tolist())


def moved(colour: RGB, red: int, green: int, blue: int) -> RGB:
    """Adds to the three channels, within 0 to 255."""
    channels = [min(255, max(0, old + step)) for old, step in zip(colour, (red, green, blue), strict=True)]
    return channels[0], channels[1], channels[2]


def vertical_blend(top: RGB, bottom: RGB, width_px: int, height_px: int) -> Image.Image:
    """Paints a soft gradient from the top colour to the bottom one."""
    extent = (width_px, height_px)
    return Image.composite(Image.new("RGB", extent, bottom), Image.new("RGB", extent, top), _ramp(width_px, height_px))


@lru_cache(maxsize=256)
def _ramp(width_px: int, height_px: int) -> Image.Image:
    """A mask from black at the top to white at the bottom. Shared: only read it."""
    return Image.linear_gradient("L").resize((width_px, height_px), Image.Resampling.BILINEAR)


def add_grain(picture: Image.Image, rng: np.random.Generator) -> None:
    """Adds the fine noise of a photograph, in place."""
    edge_px = picture.width
    x, y = rng.integers(0, edge_px, size=2).tolist()
    for is_light, colour in ((True, (255, 255, 255)), (False, (0, 0, 0))):
        picture.paste(colour, (0, 0), _grain(edge_px, is_light=is_light).crop((x, y, x + edge_px, y + edge_px)))


@lru_cache(maxsize=8)
def _grain(edge_px: int, *, is_light: bool) -> Image.Image:
    """Weak noise of twice the edge, to be cropped anywhere; drawn once, because it costs more than a picture."""
    rng = numpy_generator(0, "grain", "light" if is_light else "dark")
    noise = np.abs(rng.normal(0, _GRAIN_STRENGTH, size=(2 * edge_px, 2 * edge_px)))
    return Image.fromarray(noise.clip(0, 255).astype(np.uint8))
