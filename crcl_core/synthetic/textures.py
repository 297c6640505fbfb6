"""The patterns on objects, as masks: white where the pattern's second shade goes."""

from collections.abc import Callable
from typing import Final

from PIL import Image, ImageDraw

from crcl_core.synthetic.scene import Texture

_Draw = ImageDraw.ImageDraw


def draw_pattern(texture: Texture, edge_px: int) -> Image.Image | None:
    """Draws the pattern of an object of the given edge; it never covers half of it, so the main colour stays main.

    Returns:
        An image of mode L, or None for a plain object.
    """
    drawer = _DRAWERS.get(texture)
    if drawer is None:
        return None
    mask = Image.new("L", (edge_px, edge_px))
    drawer(ImageDraw.Draw(mask), edge_px)
    return mask


def _stripes(draw: _Draw, edge_px: int) -> None:
    pitch, width = edge_px / 4.5, edge_px / 16
    for number in range(10):
        x = (number + 0.2) * pitch - edge_px
        draw.line((x, edge_px, x + edge_px, 0), fill=255, width=round(width))


def _spots(draw: _Draw, edge_px: int) -> None:
    pitch, radius = edge_px / 4, edge_px / 13
    for row in range(5):
        for column in range(5):
            x, y = (column + 0.5 * (row % 2)) * pitch, (row + 0.1) * pitch
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)


def _checks(draw: _Draw, edge_px: int) -> None:
    pitch = edge_px / 6
    for row in range(6):
        for column in range(row % 2, 6, 2):
            x, y = column * pitch, row * pitch
            # A little smaller than half of the board's fields, to stay below half of the area.
            draw.rectangle((x, y, x + 0.92 * pitch, y + 0.92 * pitch), fill=255)


def _crossed_lines(draw: _Draw, edge_px: int) -> None:
    pitch, width = edge_px / 4, max(1, round(edge_px / 27))
    for number in range(9):
        x = (number + 0.5) * pitch - edge_px
        draw.line((x, edge_px, x + edge_px, 0), fill=255, width=width)
        draw.line((x, 0, x + edge_px, edge_px), fill=255, width=width)


def _zigzags(draw: _Draw, edge_px: int) -> None:
    pitch, width = edge_px / 3.5, max(1, round(edge_px / 12))
    for row in range(4):
        y = (row + 0.3) * pitch
        points = [(step * edge_px / 8, y + (pitch / 2.2 if step % 2 else 0)) for step in range(9)]
        draw.line(points, fill=255, width=width, joint="curve")


_DRAWERS: Final[dict[Texture, Callable[[_Draw, int], None]]] = {
    Texture.STRIPED: _stripes,
    Texture.SPOTTED: _spots,
    Texture.CHECKERED: _checks,
    Texture.CROSSHATCHED: _crossed_lines,
    Texture.ZIGZAG: _zigzags,
}
