"""Paints what is behind the objects: a pattern in any colour, or a place."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from crcl_core.synthetic.landscapes import paint_landscape
from crcl_core.synthetic.palette import LIGHT_COLOURS, RGB, RGB_OF, shaded
from crcl_core.synthetic.scene import Backdrop, BackdropKind, Colour
from crcl_core.synthetic.shading import varied, vertical_blend

_Draw = ImageDraw.ImageDraw
# Patterns are drawn this much larger and reduced, which smooths their edges.
_SUPERSAMPLING: Final = 2


def paint_backdrop(backdrop: Backdrop, edge_px: int, rng: np.random.Generator) -> Image.Image:
    """Paints a square RGB picture of a backdrop.

    Args:
        backdrop: Kind and colour.
        edge_px: Edge of the picture.
        rng: Decides what has no name: pitch, offset, waves, hills.
    """
    if backdrop.colour is None:
        return paint_landscape(backdrop.kind, edge_px, rng)
    main = varied(RGB_OF[backdrop.colour], rng)
    picture = vertical_blend(shaded(main, 0.07), shaded(main, -0.07), edge_px, edge_px)
    drawer = _PATTERNS.get(backdrop.kind)
    if drawer is not None:
        mask = Image.new("L", (edge_px * _SUPERSAMPLING, edge_px * _SUPERSAMPLING))
        drawer(ImageDraw.Draw(mask), edge_px * _SUPERSAMPLING, rng)
        picture.paste(_second_shade(backdrop.colour, main), (0, 0), mask.reduce(_SUPERSAMPLING))
    return picture


def _second_shade(colour: Colour, main: RGB) -> RGB:
    return shaded(main, -0.2) if colour in LIGHT_COLOURS else shaded(main, 0.28)


def _stripes(draw: _Draw, edge: int, rng: np.random.Generator) -> None:
    pitch = edge * rng.uniform(0.11, 0.16)
    offset = rng.uniform(0, pitch)
    is_upright = rng.random() < 0.5
    for number in range(math.ceil(edge / pitch) + 1):
        start = number * pitch - offset
        band = (start, 0, start + pitch / 2, edge) if is_upright else (0, start, edge, start + pitch / 2)
        draw.rectangle(band, fill=255)


def _checkerboard(draw: _Draw, edge: int, rng: np.random.Generator) -> None:
    n_fields = int(rng.integers(7, 11))
    field = edge / n_fields
    for row in range(n_fields):
        for column in range(row % 2, n_fields, 2):
            draw.rectangle((column * field, row * field, (column + 1) * field - 1, (row + 1) * field - 1), fill=255)


def _polka_dots(draw: _Draw, edge: int, rng: np.random.Generator) -> None:
    pitch = edge * rng.uniform(0.1, 0.13)
    radius = pitch * 0.27
    for row in range(math.ceil(edge / pitch) + 1):
        for column in range(math.ceil(edge / pitch) + 1):
            x, y = (column + 0.5 * (row % 2)) * pitch, row * pitch
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)


def _graph_paper(draw: _Draw, edge: int, rng: np.random.Generator) -> None:
    pitch = edge * rng.uniform(0.07, 0.1)
    width = max(1, round(edge / 110))
    for number in range(math.ceil(edge / pitch) + 1):
        start = (number + 0.5) * pitch
        draw.line((start, 0, start, edge), fill=255, width=width)
        draw.line((0, start, edge, start), fill=255, width=width)


def _sunburst(draw: _Draw, edge: int, rng: np.random.Generator) -> None:
    x, y = rng.uniform(0.4, 0.6, size=2) * edge
    turn = rng.uniform(0, 2 * math.pi)
    n_rays, reach = 12, 1.5 * edge
    for ray in range(n_rays):
        start = turn + 2 * math.pi * ray / n_rays
        stop = start + math.pi / n_rays
        corners = [(x + reach * math.cos(angle), y + reach * math.sin(angle)) for angle in (start, stop)]
        draw.polygon([(x, y), *corners], fill=255)


_PATTERNS: Final[dict[BackdropKind, Callable[[_Draw, int, np.random.Generator], None]]] = {
    BackdropKind.STRIPES: _stripes,
    BackdropKind.CHECKERBOARD: _checkerboard,
    BackdropKind.POLKA_DOTS: _polka_dots,
    BackdropKind.GRAPH_PAPER: _graph_paper,
    BackdropKind.SUNBURST: _sunburst,
}
