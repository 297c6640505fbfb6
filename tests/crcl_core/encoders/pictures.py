"""Small pictures with known content."""

import numpy as np
from PIL import Image, ImageDraw

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 50), "blue": (40, 60, 200), "yellow": (230, 210, 40)}


def shape_picture(colour: str, shape: str, seed: int, size: tuple[int, int] = (96, 96)) -> Image.Image:
    """Draw one disc, square or triangle at a random place on a grey background."""
    random = np.random.default_rng(seed)
    level = int(random.integers(90, 190))
    picture = Image.new("RGB", size, (level, level, level))
    radius = int(random.integers(14, 26))
    x, y = (int(random.integers(radius + 2, side - radius - 2)) for side in size)
    draw = ImageDraw.Draw(picture)
    box = (x - radius, y - radius, x + radius, y + radius)
    if shape == "disc":
        draw.ellipse(box, fill=COLOURS[colour])
    elif shape == "square":
        draw.rectangle(box, fill=COLOURS[colour])
    else:
        corners = [(x - radius, y + radius), (x + radius, y + radius), (x, y - radius)]
        draw.polygon(corners, fill=COLOURS[colour])
    return picture
