"""Into how many regions an encoder can divide an image, as far as its specification alone says."""

from app.core.errors import InvalidPayloadError

# Sides of the encoders' own feature maps. The map of an open_clip model is known once it is loaded, and loading takes
# seconds and torch: there the worker refuses, with the same code.
_MAP_SIDES = {"toy": 4, "offline": 7}


def check_regions(name: str, specification: str, n_grid_regions: int) -> None:
    """Refuse a grid that an encoder is known not to have.

    Args:
        name: under which the encoder is registered.
        specification: what the operator registered.
        n_grid_regions: a square number.

    Raises:
        InvalidPayloadError: `regions_unsupported`.
    """
    side = _MAP_SIDES.get(specification.strip())
    if side is not None and n_grid_regions > side**2:
        allowed = ", ".join(str(number**2) for number in range(1, side + 1))
        raise InvalidPayloadError(
            f"n_grid_regions: {n_grid_regions}; encoder {name!r} divides an image into {allowed}",
            code="regions_unsupported",
        )
