"""Draws scenes: which objects, which backdrop, and a geometry in which everything fits and is seen."""

from typing import Any, Final, TypeVar

import numpy as np

from crcl_core.seeding import numpy_generator
from crcl_core.synthetic.palette import is_visible_on
from crcl_core.synthetic.scene import (
    LANDSCAPES,
    PATTERNS,
    Arrangement,
    Backdrop,
    Colour,
    Group,
    Place,
    Placement,
    Scene,
    SceneFacts,
    Shape,
    Size,
    Texture,
)

T = TypeVar("T")

# Diameters in units of the picture's edge, far enough apart that small and large are no matter of opinion.
DIAMETER_OF: Final = {Size.SMALL: 0.155, Size.MEDIUM: 0.235, Size.LARGE: 0.37}
MAX_COUNT: Final = 6
_DIAMETER_JITTER: Final = 0.05
# Distance of neighbours in diameters: objects of a group never touch, jitter included.
_PITCH: Final = 1.14
_STEP_JITTER: Final = 0.04
_MARGIN: Final = 0.03
_MAX_TILT_DEGREES: Final = 9.0

_GROUP_SHARES: Final = (0.5, 0.37, 0.13)
_COUNT_SHARES: Final = (0.38, 0.22, 0.16, 0.11, 0.08, 0.05)
_LANDSCAPE_SHARE: Final = 0.45
_PLAIN_TEXTURE_SHARE: Final = 0.45
# Free space between two groups.
_GAP: Final = 0.04


def sample_scene(seed: int, number: int) -> Scene:
    """Draws one scene of a corpus.

    Args:
        seed: Seed of the corpus.
        number: Which scene; each has its own stream, so a larger corpus begins with the smaller one's scenes.
    """
    rng = numpy_generator(seed, "scene", number)
    n_groups = 1 + int(rng.choice(len(_GROUP_SHARES), p=_GROUP_SHARES))
    arrangement = Arrangement.SINGLE
    if n_groups > 1:
        arrangement = _pick(rng, (Arrangement.LEFT_TO_RIGHT, Arrangement.TOP_TO_BOTTOM))
    backdrop = _sample_backdrop(rng)
    groups = _sample_groups(rng, n_groups, backdrop)
    place: Place | None = None
    placements: list[tuple[Placement, ...]] = []
    for number_in_row, group in enumerate(groups):
        x, y, width, height = _area(arrangement, number_in_row, n_groups)
        placed, group_place = _place_group(rng, group, (x, y), (width, height))
        placements.append(placed)
        place = group_place if n_groups == 1 else None
    facts = SceneFacts(groups=groups, arrangement=arrangement, place=place, backdrop=backdrop)
    return Scene(facts=facts, placements=tuple(placements), finish_seed=int(rng.integers(2**62)))


def _pick(rng: np.random.Generator, options: tuple[T, ...]) -> T:
    return options[int(rng.integers(len(options)))]


def _sample_backdrop(rng: np.random.Generator) -> Backdrop:
    if rng.random() < _LANDSCAPE_SHARE:
        return Backdrop(kind=_pick(rng, LANDSCAPES), colour=None)
    return Backdrop(kind=_pick(rng, PATTERNS), colour=_pick(rng, tuple(Colour)))


def _sample_groups(rng: np.random.Generator, n_groups: int, backdrop: Backdrop) -> tuple[Group, ...]:
    shapes: Any = rng.permutation(len(Shape))[:n_groups]
    visible = [colour for colour in Colour if is_visible_on(colour, backdrop.kind, backdrop.colour)]
    colours: Any = rng.permutation(len(visible))[:n_groups]
    return tuple(
        _sample_group(rng, tuple(Shape)[shape], visible[colour], n_groups)
        for shape, colour in zip(shapes, colours, strict=True)
    )


def _sample_group(rng: np.random.Generator, shape: Shape, colour: Colour, n_groups: int) -> Group:
    sizes = tuple(Size) if n_groups < 3 else (Size.SMALL, Size.MEDIUM)
    size = _pick(rng, sizes)
    count = 1 + int(rng.choice(MAX_COUNT, p=_COUNT_SHARES))
    texture = Texture.PLAIN
    if rng.random() >= _PLAIN_TEXTURE_SHARE:
        texture = _pick(rng, tuple(Texture)[1:])
    _, _, width, height = _area(Arrangement.LEFT_TO_RIGHT if n_groups > 1 else Arrangement.SINGLE, 0, n_groups)
    return Group(
        shape=shape, colour=colour, texture=texture, size=size, count=min(count, _capacity(size, width, height))
    )


def _area(arrangement: Arrangement, number: int, n_groups: int) -> tuple[float, float, float, float]:
    """Left, top, width and height of the part of the picture that a group may use."""
    whole = 1 - 2 * _MARGIN
    if arrangement is Arrangement.SINGLE:
        return _MARGIN, _MARGIN, whole, whole
    part = (whole - _GAP * (n_groups - 1)) / n_groups
    start = _MARGIN + number * (part + _GAP)
    if arrangement is Arrangement.LEFT_TO_RIGHT:
        return start, _MARGIN, part, whole
    return _MARGIN, start, whole, part


def _largest_pitch(size: Size) -> float:
    return DIAMETER_OF[size] * (1 + _DIAMETER_JITTER) * _PITCH


def _capacity(size: Size, width: float, height: float) -> int:
    return int(width / _largest_pitch(size)) * int(height / _largest_pitch(size))


def _place_group(
    rng: np.random.Generator, group: Group, corner: tuple[float, float], extent: tuple[float, float]
) -> tuple[tuple[Placement, ...], Place | None]:
    """Stands a group's objects in rows somewhere within an area; also says where, when that has a name."""
    pitch = _largest_pitch(group.size)
    most_columns, most_rows = int(extent[0] / pitch), int(extent[1] / pitch)
    fewest_columns = -(-group.count // most_rows)
    n_columns = int(rng.integers(fewest_columns, min(group.count, most_columns) + 1))
    n_rows = -(-group.count // n_columns)
    free_x, free_y = extent[0] - n_columns * pitch, extent[1] - n_rows * pitch
    column, shift_x = _position(rng, n_columns * pitch)
    row, shift_y = _position(rng, n_rows * pitch)
    left, top = corner[0] + free_x * shift_x, corner[1] + free_y * shift_y
    placements = []
    for number in range(group.count):
        in_row = min(n_columns, group.count - number // n_columns * n_columns)
        indent = (n_columns - in_row) / 2
        jitter_x, jitter_y = rng.uniform(-_STEP_JITTER, _STEP_JITTER, size=2) * pitch
        placements.append(
            Placement(
                x=left + (number % n_columns + indent + 0.5) * pitch + jitter_x,
                y=top + (number // n_columns + 0.5) * pitch + jitter_y,
                diameter=DIAMETER_OF[group.size] * rng.uniform(1 - _DIAMETER_JITTER, 1 + _DIAMETER_JITTER),
                tilt_degrees=rng.uniform(-_MAX_TILT_DEGREES, _MAX_TILT_DEGREES),
            )
        )
    has_place = column is not None and row is not None
    return tuple(placements), tuple(Place)[3 * (row or 0) + (column or 0)] if has_place else None


def _position(rng: np.random.Generator, length: float) -> tuple[int | None, float]:
    """Draws which third a row of objects stands in, and the share of the free space before it.

    A row over half the picture's edge stands in no third, so no caption says where it is.
    """
    if length > 0.5:
        return None, rng.uniform()
    third = int(rng.integers(3))
    return third, (rng.uniform(0, 0.12), rng.uniform(0.44, 0.56), rng.uniform(0.88, 1))[third]
