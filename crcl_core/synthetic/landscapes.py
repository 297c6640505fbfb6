"""Paints the places behind the objects: meadow, sea, desert, night sky, snow, brick wall, wooden planks."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from crcl_core.synthetic.palette import RGB, shaded
from crcl_core.synthetic.scene import BackdropKind
from crcl_core.synthetic.shading import varied, vertical_blend

# Painted this much larger and reduced, which smooths every edge.
_SUPERSAMPLING: Final = 2


def paint_landscape(kind: BackdropKind, edge_px: int, rng: np.random.Generator) -> Image.Image:
    """Paints a square RGB picture of a place; see `paint_backdrop`."""
    return _PAINTERS[kind](edge_px * _SUPERSAMPLING, rng).reduce(_SUPERSAMPLING)


def _ridge(edge: int, base: float, height: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """The outline of rolling land, closed along the bottom; base and height in units of the edge."""
    phases, turns = rng.uniform(0, 2 * math.pi, size=2), rng.uniform((0.6, 1.4), (1.1, 2.2))
    points = []
    for step in range(25):
        x = step / 24
        wave = math.sin(2 * math.pi * turns[0] * x + phases[0]) + 0.4 * math.sin(2 * math.pi * turns[1] * x + phases[1])
        points.append((x * edge, (base + height * wave) * edge))
    return [*points, (edge, edge), (0.0, float(edge))]


def _strokes(
    draw: ImageDraw.ImageDraw, edge: int, rng: np.random.Generator, *, top: float, colours: tuple[RGB, ...], lean: float
) -> None:
    """Scatters short strokes below a height, larger towards the viewer; lean 0 = lying, 1 = standing."""
    spots = rng.uniform((0, 0), (1, 1), size=(110, 2)).tolist()
    for number, (x, depth) in enumerate(spots):
        y, length = (top + (1 - top) * depth) * edge, edge * (0.012 + 0.03 * depth)
        end = (x * edge + length * (1 - lean), y - length * lean)
        draw.line((x * edge, y, *end), fill=colours[number % len(colours)], width=max(1, round(edge / 170)))


def _meadow(edge: int, rng: np.random.Generator) -> Image.Image:
    picture = vertical_blend(varied((112, 176, 236), rng), varied((206, 230, 246), rng), edge, edge)
    draw = ImageDraw.Draw(picture)
    green = varied((104, 172, 72), rng)
    horizon = rng.uniform(0.42, 0.56)
    draw.polygon(_ridge(edge, horizon, 0.03, rng), fill=shaded(green, -0.12))
    draw.polygon(_ridge(edge, horizon + 0.1, 0.03, rng), fill=green)
    _strokes(draw, edge, rng, top=horizon + 0.16, colours=(shaded(green, 0.22), shaded(green, -0.24)), lean=0.85)
    return picture


def _sea(edge: int, rng: np.random.Generator) -> Image.Image:
    horizon = rng.uniform(0.32, 0.46)
    picture = vertical_blend(varied((150, 200, 240), rng), varied((228, 238, 244), rng), edge, edge)
    blue = varied((30, 108, 168), rng)
    height = edge - round(horizon * edge)
    picture.paste(vertical_blend(shaded(blue, 0.25), shaded(blue, -0.15), edge, height), (0, edge - height))
    draw = ImageDraw.Draw(picture)
    _strokes(draw, edge, rng, top=horizon + 0.02, colours=(shaded(blue, 0.6), shaded(blue, 0.4)), lean=0)
    return picture


def _desert(edge: int, rng: np.random.Generator) -> Image.Image:
    picture = vertical_blend(varied((246, 206, 150), rng), varied((252, 234, 200), rng), edge, edge)
    draw = ImageDraw.Draw(picture)
    sand = varied((224, 178, 108), rng)
    base = rng.uniform(0.42, 0.52)
    for number, shade in enumerate((-0.06, 0.08, -0.14)):
        draw.polygon(_ridge(edge, base + 0.16 * number, 0.045, rng), fill=shaded(sand, shade))
    return picture


def _night_sky(edge: int, rng: np.random.Generator) -> Image.Image:
    picture = vertical_blend(varied((14, 18, 44), rng), varied((44, 40, 86), rng), edge, edge)
    draw = ImageDraw.Draw(picture)
    for x, y, brightness in (rng.random(size=(70, 3)) * (edge, edge, 1)).tolist():
        radius = edge * (0.0025 + 0.0035 * brightness**3)
        light = shaded((120, 120, 150), brightness)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=light)
    return picture


def _snow(edge: int, rng: np.random.Generator) -> Image.Image:
    picture = vertical_blend(varied((160, 194, 226), rng), varied((224, 234, 244), rng), edge, edge)
    draw = ImageDraw.Draw(picture)
    rock = varied((112, 126, 150), rng)
    for number in range(5):
        x = (0.25 * number + rng.uniform(-0.08, 0.08)) * edge
        top, reach = rng.uniform(0.2, 0.4) * edge, rng.uniform(0.2, 0.32) * edge
        foot = 0.75 * edge
        draw.polygon([(x, top), (x + reach, foot), (x - reach, foot)], fill=shaded(rock, rng.uniform(-0.1, 0.15)))
        cap, slope = 0.34 * (foot - top), reach / (foot - top)
        edges = [(x + side * slope * cap, top + cap) for side in (1, -1)]
        notch = (x, top + 0.7 * cap)
        draw.polygon([(x, top), edges[0], notch, edges[1]], fill=(246, 249, 252))
    draw.polygon(_ridge(edge, 0.66, 0.025, rng), fill=(236, 242, 248))
    draw.polygon(_ridge(edge, 0.8, 0.025, rng), fill=(248, 250, 253))
    return picture


def _brick_wall(edge: int, rng: np.random.Generator) -> Image.Image:
    mortar = varied((196, 186, 176), rng)
    picture = Image.new("RGB", (edge, edge), mortar)
    draw = ImageDraw.Draw(picture)
    brick = varied((166, 76, 56), rng)
    n_rows = int(rng.integers(9, 13))
    height, gap = edge / n_rows, edge / 75
    width = 2.3 * height
    n_columns = math.ceil(edge / width) + 1
    shades = rng.uniform(-0.16, 0.16, size=(n_rows, n_columns)).tolist()
    for row in range(n_rows):
        for column in range(n_columns):
            left, top = (column - 0.5 * (row % 2)) * width, row * height
            draw.rectangle((left, top, left + width - gap, top + height - gap), fill=shaded(brick, shades[row][column]))
    return picture


def _wooden_planks(edge: int, rng: np.random.Generator) -> Image.Image:
    wood = varied((176, 124, 74), rng)
    n_planks = int(rng.integers(4, 7))
    height = edge / n_planks
    picture = Image.new("RGB", (edge, edge), wood)
    draw = ImageDraw.Draw(picture)
    for plank in range(n_planks):
        shade = shaded(wood, rng.uniform(-0.14, 0.14))
        top = plank * height
        draw.rectangle((0, top, edge, top + height), fill=shade)
        for offset, phase, bend in rng.uniform((0.08, 0, 0.01), (0.95, 6.3, 0.05), size=(7, 3)).tolist():
            grain = [
                (step * edge / 8, top + (offset + bend * math.sin(step / 1.6 + phase)) * height) for step in range(9)
            ]
            draw.line(grain, fill=shaded(shade, -0.13), width=max(1, round(edge / 260)), joint="curve")
        draw.rectangle((0, top, edge, top + edge / 110), fill=shaded(wood, -0.5))
    return picture


_PAINTERS: Final[dict[BackdropKind, Callable[[int, np.random.Generator], Image.Image]]] = {
    BackdropKind.MEADOW: _meadow,
    BackdropKind.SEA: _sea,
    BackdropKind.DESERT: _desert,
    BackdropKind.NIGHT_SKY: _night_sky,
    BackdropKind.SNOW: _snow,
    BackdropKind.BRICK_WALL: _brick_wall,
    BackdropKind.WOODEN_PLANKS: _wooden_planks,
}
