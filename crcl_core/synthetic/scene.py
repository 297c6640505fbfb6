"""The truth of a picture: what is in it, and where every object stands."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final


class Shape(StrEnum):
    """What an object is."""

    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    STAR = "star"
    HEART = "heart"
    HEXAGON = "hexagon"
    CRESCENT = "crescent"
    RING = "ring"
    CROSS = "cross"
    DIAMOND = "diamond"
    FLOWER = "flower"
    FISH = "fish"
    HOUSE = "house"
    TREE = "tree"
    CLOUD = "cloud"
    DROP = "drop"


class Colour(StrEnum):
    """The main colour of an object or of a patterned backdrop."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    TURQUOISE = "turquoise"
    BLUE = "blue"
    PURPLE = "purple"
    PINK = "pink"
    BROWN = "brown"
    BLACK = "black"
    WHITE = "white"
    GREY = "grey"


class Texture(StrEnum):
    """The pattern on an object."""

    PLAIN = "plain"
    STRIPED = "striped"
    SPOTTED = "spotted"
    CHECKERED = "checkered"
    CROSSHATCHED = "crosshatched"
    ZIGZAG = "zigzag"


class Size(StrEnum):
    """How large an object is within the picture; medium is never worth a word."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class BackdropKind(StrEnum):
    """What is behind the objects: a pattern in a colour, or a place with colours of its own."""

    PLAIN = "plain"
    STRIPES = "stripes"
    CHECKERBOARD = "checkerboard"
    POLKA_DOTS = "polka_dots"
    GRAPH_PAPER = "graph_paper"
    SUNBURST = "sunburst"
    MEADOW = "meadow"
    SEA = "sea"
    DESERT = "desert"
    NIGHT_SKY = "night_sky"
    SNOW = "snow"
    BRICK_WALL = "brick_wall"
    WOODEN_PLANKS = "wooden_planks"


PATTERNS: Final = (
    BackdropKind.PLAIN,
    BackdropKind.STRIPES,
    BackdropKind.CHECKERBOARD,
    BackdropKind.POLKA_DOTS,
    BackdropKind.GRAPH_PAPER,
    BackdropKind.SUNBURST,
)
LANDSCAPES: Final = tuple(kind for kind in BackdropKind if kind not in PATTERNS)


class Arrangement(StrEnum):
    """How the groups of a picture stand to each other; the first group is the left-most or top-most."""

    SINGLE = "single"
    LEFT_TO_RIGHT = "left_to_right"
    TOP_TO_BOTTOM = "top_to_bottom"


class Place(StrEnum):
    """Where a group that is alone in the picture stands."""

    TOP_LEFT = "top_left"
    TOP = "top"
    TOP_RIGHT = "top_right"
    LEFT = "left"
    MIDDLE = "middle"
    RIGHT = "right"
    BOTTOM_LEFT = "bottom_left"
    BOTTOM = "bottom"
    BOTTOM_RIGHT = "bottom_right"


@final
@dataclass(frozen=True, kw_only=True)
class Group:
    """Equal objects that stand together; no two groups of a picture share their shape or their colour."""

    shape: Shape
    colour: Colour
    texture: Texture
    size: Size
    count: int


@final
@dataclass(frozen=True, kw_only=True)
class Backdrop:
    """What is behind the objects; `colour` is None where the kind brings its own."""

    kind: BackdropKind
    colour: Colour | None


@final
@dataclass(frozen=True, kw_only=True)
class SceneFacts:
    """Everything about a picture that a caption may tell.

    Attributes:
        groups: One to three, in the order that `arrangement` names.
        arrangement: SINGLE exactly when there is one group.
        place: Of a single group; None when it fills too much of the picture to have one, or with several groups.
        backdrop: What is behind them.
    """

    groups: tuple[Group, ...]
    arrangement: Arrangement
    place: Place | None
    backdrop: Backdrop


@final
@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where one object stands: centre and diameter in units of the picture's edge, tilt in degrees."""

    x: float
    y: float
    diameter: float
    tilt_degrees: float


@final
@dataclass(frozen=True, kw_only=True)
class Scene:
    """A whole picture: the facts, the geometry, and the seed of what has no name (grain, waves, shades).

    Attributes:
        facts: What captions tell.
        placements: For each group, one placement for each of its objects.
        finish_seed: Decides every detail that no caption tells.
    """

    facts: SceneFacts
    placements: tuple[tuple[Placement, ...], ...]
    finish_seed: int
