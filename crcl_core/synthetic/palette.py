"""The colours by name, and which of them a glance could confuse."""

from typing import Final

from crcl_core.synthetic.scene import BackdropKind, Colour

RGB = tuple[int, int, int]

RGB_OF: Final[dict[Colour, RGB]] = {
    Colour.RED: (212, 36, 40),
    Colour.ORANGE: (245, 130, 30),
    Colour.YELLOW: (250, 214, 42),
    Colour.GREEN: (44, 156, 62),
    Colour.TURQUOISE: (44, 200, 192),
    Colour.BLUE: (36, 82, 212),
    Colour.PURPLE: (124, 52, 178),
    Colour.PINK: (248, 134, 186),
    Colour.BROWN: (122, 72, 36),
    Colour.BLACK: (30, 30, 34),
    Colour.WHITE: (244, 244, 242),
    Colour.GREY: (142, 146, 152),
}

# Patterns on these are darker than the colour itself; on the others lighter.
LIGHT_COLOURS: Final = frozenset(
    {Colour.YELLOW, Colour.WHITE, Colour.PINK, Colour.TURQUOISE, Colour.ORANGE, Colour.GREY}
)

# Symmetric: neither colour of a pair stands before the other, and neither stands in for the other in a near swap.
_CLOSE_PAIRS: Final = (
    (Colour.RED, Colour.ORANGE),
    (Colour.RED, Colour.PINK),
    (Colour.RED, Colour.BROWN),
    (Colour.ORANGE, Colour.YELLOW),
    (Colour.ORANGE, Colour.BROWN),
    (Colour.GREEN, Colour.TURQUOISE),
    (Colour.BLUE, Colour.TURQUOISE),
    (Colour.BLUE, Colour.PURPLE),
    (Colour.PURPLE, Colour.PINK),
    (Colour.BROWN, Colour.BLACK),
    (Colour.WHITE, Colour.GREY),
    (Colour.WHITE, Colour.YELLOW),
    (Colour.BLACK, Colour.PURPLE),
)

_COLOURS_OF_LANDSCAPE: Final[dict[BackdropKind, frozenset[Colour]]] = {
    BackdropKind.MEADOW: frozenset({Colour.GREEN, Colour.BLUE, Colour.TURQUOISE}),
    BackdropKind.SEA: frozenset({Colour.BLUE, Colour.TURQUOISE, Colour.GREY}),
    BackdropKind.DESERT: frozenset({Colour.ORANGE, Colour.YELLOW, Colour.BROWN}),
    BackdropKind.NIGHT_SKY: frozenset({Colour.BLACK, Colour.BLUE, Colour.PURPLE, Colour.BROWN}),
    BackdropKind.SNOW: frozenset({Colour.WHITE, Colour.GREY, Colour.TURQUOISE}),
    BackdropKind.BRICK_WALL: frozenset({Colour.RED, Colour.ORANGE, Colour.BROWN}),
    BackdropKind.WOODEN_PLANKS: frozenset({Colour.BROWN, Colour.ORANGE, Colour.RED}),
}


def is_close(one: Colour, other: Colour) -> bool:
    """Says whether two colours are the same or could be taken for each other."""
    return one is other or (one, other) in _CLOSE_PAIRS or (other, one) in _CLOSE_PAIRS


def is_visible_on(colour: Colour, kind: BackdropKind, backdrop_colour: Colour | None) -> bool:
    """Says whether an object of a colour stands out from a backdrop."""
    if backdrop_colour is None:
        return colour not in _COLOURS_OF_LANDSCAPE[kind]
    return not is_close(colour, backdrop_colour)


def mix(one: RGB, other: RGB, share: float) -> RGB:
    """Mixes two colours; share 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def shaded(colour: RGB, amount: float) -> RGB:
    """Lightens (amount above 0, at most 1) or darkens (below 0, at least -1) a colour."""
    return mix(colour, (255, 255, 255), amount) if amount >= 0 else mix(colour, (0, 0, 0), -amount)
