"""The outline of every shape, as a mask."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw

from crcl_core.synthetic.scene import Shape

_Point = tuple[float, float]
# Draws within the unit square, x to the right and y down; `scale` maps a unit point to pixels.
_Scale = Callable[[float, float], _Point]
_Draw = ImageDraw.ImageDraw


def draw_mask(shape: Shape, edge_px: int, tilt_degrees: float, scale: float = 1.0) -> Image.Image:
    """Draws a shape white on black.

    Args:
        shape: What to draw.
        edge_px: Edge of the mask; the shape's diameter at scale 1.
        tilt_degrees: Rotation, clockwise.
        scale: Below 1 the shape is shrunk towards the centre, which leaves room for the corners of a tilted one.

    Returns:
        An image of mode L with hard edges: draw it larger and reduce it for smooth ones.
    """
    mask = Image.new("L", (edge_px, edge_px))
    cosine, sine = math.cos(math.radians(tilt_degrees)) * scale, math.sin(math.radians(tilt_degrees)) * scale

    def to_px(x: float, y: float) -> _Point:
        x, y = x - 0.5, y - 0.5
        return (0.5 + x * cosine - y * sine) * edge_px, (0.5 + x * sine + y * cosine) * edge_px

    _DRAWERS[shape](ImageDraw.Draw(mask), to_px, edge_px * scale)
    return mask


def _polygon(draw: _Draw, to_px: _Scale, points: tuple[_Point, ...], fill: int = 255) -> None:
    draw.polygon([to_px(x, y) for x, y in points], fill=fill)


def _disc(draw: _Draw, to_px: _Scale, unit_px: float, centre: _Point, radius: float, fill: int = 255) -> None:
    x, y = to_px(*centre)
    radius_px = radius * unit_px
    draw.ellipse((x - radius_px, y - radius_px, x + radius_px, y + radius_px), fill=fill)


@lru_cache
def _wheel(n_points: int, radii: tuple[float, ...], start_degrees: float = -90) -> tuple[_Point, ...]:
    """Points around the centre, their radii taken in turn."""
    angles = [math.radians(start_degrees + 360 * number / n_points) for number in range(n_points)]
    return tuple(
        (0.5 + radii[number % len(radii)] * math.cos(angle), 0.5 + radii[number % len(radii)] * math.sin(angle))
        for number, angle in enumerate(angles)
    )


def _circle(draw: _Draw, to_px: _Scale, unit_px: float) -> None:
    _disc(draw, to_px, unit_px, (0.5, 0.5), 0.47)


def _square(draw: _Draw, to_px: _Scale, _: float) -> None:
    _polygon(draw, to_px, ((0.09, 0.09), (0.91, 0.09), (0.91, 0.91), (0.09, 0.91)))


def _triangle(draw: _Draw, to_px: _Scale, _: float) -> None:
    _polygon(draw, to_px, ((0.5, 0.04), (0.98, 0.88), (0.02, 0.88)))


def _star(draw: _Draw, to_px: _Scale, _: float) -> None:
    _polygon(draw, to_px, _wheel(10, (0.5, 0.22)))


@lru_cache
def _heart_outline() -> tuple[_Point, ...]:
    """The curve x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, fitted to the unit square."""
    points = []
    for step in range(60):
        t = 2 * math.pi * step / 60
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((0.5 + 16 * math.sin(t) ** 3 / 34, 0.44 - y / 33))
    return tuple(points)


def _heart(draw: _Draw, to_px: _Scale, _: float) -> None:
    _polygon(draw, to_px, _heart_outline())


def _hexagon(draw: _Draw, to_px: _Scale, _: float) -> None:
    _polygon(draw, to_px, _wheel(6, (0.48,), 0))


def _crescent(draw: _Draw, to_px: _Scale, unit_px: float) -> None:
    _disc(draw, to_px, unit_px, (0.47, 0.5), 0.46)
    _disc(draw, to_px, unit_px, (0.68, 0.42), 0.36, fill=0)


def _ring(draw: _Draw, to_px: _Scale, unit_px: float) -> None:
    _disc(draw, to_px, unit_px, (0.5, 0.5), 0.48)
    _disc(draw, to_px, unit_px, (0.5, 0.5), 0.25, fill=0)


def _cross(draw: _Draw, to_px: _Scale, _: float) -> None:
    a, b, c, d = 0.05, 0.34, 0.66, 0.95
    outline = ((b, a), (c, a), (c, b), (d, b), (d, c), (c, c), (c, d), (b, d), (b, c), (a, c), (a, b), (b, b))
    _polygon(draw, to_px, outline)


def _diamond(draw: _Draw, to_px: _Scale, _: float) -> None:
    _polygon(draw, to_px, ((0.5, 0.01), (0.86, 0.5), (0.5, 0.99), (0.14, 0.5)))


def _flower(draw: _Draw, to_px: _Scale, unit_px: float) -> None:
    for petal in _wheel(6, (0.3,)):
        _disc(draw, to_px, unit_px, petal, 0.185)
    _disc(draw, to_px, unit_px, (0.5, 0.5), 0.2)
    _disc(draw, to_px, unit_px, (0.5, 0.5), 0.09, fill=0)


@lru_cache
def _fish_body() -> tuple[_Point, ...]:
    angles = [2 * math.pi * step / 40 for step in range(40)]
    return tuple((0.4 + 0.38 * math.cos(angle), 0.5 + 0.27 * math.sin(angle)) for angle in angles)


def _fish(draw: _Draw, to_px: _Scale, unit_px: float) -> None:
    _polygon(draw, to_px, ((0.66, 0.5), (0.99, 0.2), (0.92, 0.5), (0.99, 0.8)))
    _polygon(draw, to_px, ((0.3, 0.3), (0.52, 0.08), (0.62, 0.34)))
    _polygon(draw, to_px, _fish_body())
    _disc(draw, to_px, unit_px, (0.2, 0.42), 0.045, fill=0)


def _house(draw: _Draw, to_px: _Scale, _: float) -> None:
    _polygon(draw, to_px, ((0.68, 0.1), (0.8, 0.1), (0.8, 0.4), (0.68, 0.4)))
    _polygon(draw, to_px, ((0.5, 0.03), (0.98, 0.46), (0.02, 0.46)))
    _polygon(draw, to_px, ((0.13, 0.44), (0.87, 0.44), (0.87, 0.96), (0.13, 0.96)))
    _polygon(draw, to_px, ((0.43, 0.66), (0.6, 0.66), (0.6, 0.96), (0.43, 0.96)), fill=0)
    _polygon(draw, to_px, ((0.22, 0.55), (0.35, 0.55), (0.35, 0.68), (0.22, 0.68)), fill=0)


def _tree(draw: _Draw, to_px: _Scale, _: float) -> None:
    _polygon(draw, to_px, ((0.43, 0.8), (0.57, 0.8), (0.57, 0.98), (0.43, 0.98)))
    _polygon(draw, to_px, ((0.5, 0.02), (0.76, 0.36), (0.24, 0.36)))
    _polygon(draw, to_px, ((0.5, 0.16), (0.84, 0.6), (0.16, 0.6)))
    _polygon(draw, to_px, ((0.5, 0.34), (0.92, 0.84), (0.08, 0.84)))


def _cloud(draw: _Draw, to_px: _Scale, unit_px: float) -> None:
    for centre, radius in (((0.24, 0.58), 0.21), ((0.46, 0.4), 0.25), ((0.72, 0.54), 0.24)):
        _disc(draw, to_px, unit_px, centre, radius)
    _polygon(draw, to_px, ((0.24, 0.5), (0.72, 0.5), (0.72, 0.78), (0.24, 0.79)))


def _drop(draw: _Draw, to_px: _Scale, unit_px: float) -> None:
    _disc(draw, to_px, unit_px, (0.5, 0.63), 0.33)
    _polygon(draw, to_px, ((0.5, 0.0), (0.8, 0.5), (0.2, 0.5)))


_DRAWERS: Final[dict[Shape, Callable[[_Draw, _Scale, float], None]]] = {
    Shape.CIRCLE: _circle,
    Shape.SQUARE: _square,
    Shape.TRIANGLE: _triangle,
    Shape.STAR: _star,
    Shape.HEART: _heart,
    Shape.HEXAGON: _hexagon,
    Shape.CRESCENT: _crescent,
    Shape.RING: _ring,
    Shape.CROSS: _cross,
    Shape.DIAMOND: _diamond,
    Shape.FLOWER: _flower,
    Shape.FISH: _fish,
    Shape.HOUSE: _house,
    Shape.TREE: _tree,
    Shape.CLOUD: _cloud,
    Shape.DROP: _drop,
}
