"""A whole corpus with known truth: images, pairs, and which pairs are mismatched in which way."""

from dataclasses import dataclass
from enum import StrEnum
from typing import final

from PIL import Image

from crcl_core.synthetic.caption_writer import Caption
from crcl_core.synthetic.renderer import ImageFormat, encode_image, render_scene
from crcl_core.synthetic.scene import Scene


class MismatchKind(StrEnum):
    """How a mismatched pair came about.

    RANDOM_SWAP: pairs exchanged captions, as when a join went wrong. NEAR_SWAP: the caption differs from a right one
    in one attribute. SHIFTED_BLOCK: consecutive images have the caption of the next one, as after a lost row.
    DUPLICATE_CAPTION: one caption of the corpus was pasted on many images. DUPLICATE_IMAGE: the file holds the bytes
    of another image, and a caption of a third.
    """

    RANDOM_SWAP = "random_swap"
    NEAR_SWAP = "near_swap"
    SHIFTED_BLOCK = "shifted_block"
    DUPLICATE_CAPTION = "duplicate_caption"
    DUPLICATE_IMAGE = "duplicate_image"


@final
@dataclass(frozen=True, kw_only=True)
class SyntheticImage:
    """One file of the corpus.

    Attributes:
        path: Within the archive, for example "images/000012.jpg".
        scene: What the file shows.
        copy_of: The image whose bytes this one repeats, or None.
    """

    path: str
    scene: Scene
    copy_of: int | None = None


@final
@dataclass(frozen=True, kw_only=True)
class SyntheticPair:
    """One row of the corpus.

    Attributes:
        pair_id: Unique; the user's own id in the archive.
        image: Position of the image in the corpus.
        caption: What the corpus says.
        true_caption: A caption that is true of the image; `caption` itself when the pair is clean.
        kind: How the pair is mismatched, or None when it is clean.
    """

    pair_id: str
    image: int
    caption: Caption
    true_caption: Caption
    kind: MismatchKind | None = None

    @property
    def is_mismatch(self) -> bool:
        """Whether the caption does not belong to the image."""
        return self.kind is not None


@final
@dataclass(frozen=True, kw_only=True)
class SyntheticCorpus:
    """Images and pairs in the order of the archive. Pictures are painted when asked for, so any size fits in memory."""

    images: tuple[SyntheticImage, ...]
    pairs: tuple[SyntheticPair, ...]
    edge_px: int
    image_format: ImageFormat

    def image(self, number: int) -> Image.Image:
        """Paints an image, mode RGB, square."""
        return render_scene(self.images[number].scene, self.edge_px)

    def image_bytes(self, number: int) -> bytes:
        """Paints and encodes an image; copies have the bytes of their original."""
        return encode_image(self.image(number), self.image_format)

    def n_mismatches(self, kind: MismatchKind | None = None) -> int:
        """Counts the mismatched pairs of a kind, or of any kind."""
        return sum(pair.is_mismatch and kind in {None, pair.kind} for pair in self.pairs)
