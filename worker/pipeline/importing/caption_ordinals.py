"""Which captions are one: those of the same words."""

from crcl_core.data.captions import normalise_caption


class CaptionOrdinals:
    """Numbers distinct normalised captions in the order of their first row."""

    def __init__(self) -> None:
        self._ordinals: dict[str, int] = {}

    def ordinal(self, caption: str) -> int:
        """The number of a caption, given now if it is new."""
        return self._ordinals.setdefault(normalise_caption(caption), len(self._ordinals))

    def __len__(self) -> int:
        return len(self._ordinals)
