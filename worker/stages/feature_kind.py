"""The kinds of features that a run may ask an encoder for."""

from dataclasses import dataclass
from typing import Any, Self, final

from app.core.errors import JobFailedError
from crcl_core.encoders import ByteArray, Encoder
from crcl_core.types import EncoderError, FloatArray


@final
@dataclass(frozen=True)
class FeatureKind:
    """What one encoder makes of a corpus: a vector of each image and caption, or the regions of each image.

    Attributes:
        encoder: makes them.
        fingerprint: equal ones give equal features.
        image_shape: (D,), or (R, D) of regions.
        caption_dim: None beside regions: whoever reads them reads the captions' words.
        joint_dim: of the space that the vectors of images and captions share, if they do.
    """

    encoder: Encoder
    fingerprint: str
    image_shape: tuple[int, ...]
    caption_dim: int | None
    joint_dim: int | None

    @classmethod
    def of(cls, encoder: Encoder, n_grid_regions: int | None) -> Self:
        """What a run asks for: so many grid regions and the global one, or with None global vectors.

        Raises:
            JobFailedError: `regions_unsupported`: the encoder cannot give such regions.
        """
        if n_grid_regions is None:
            return cls(encoder, encoder.fingerprint, (encoder.image_dim,), encoder.caption_dim, encoder.joint_dim)
        try:
            fingerprint = encoder.region_fingerprint(n_grid_regions)
        except (ValueError, EncoderError) as error:
            raise JobFailedError(f"encoder {encoder.name!r}: {error}", code="regions_unsupported") from error
        assert encoder.region_dim is not None
        return cls(encoder, fingerprint, (n_grid_regions + 1, encoder.region_dim), None, None)

    @property
    def n_regions(self) -> int | None:
        """R; None where an image is one vector."""
        return self.image_shape[0] if len(self.image_shape) > 1 else None

    def encode(self, batch: ByteArray) -> FloatArray:
        """(B, *prepared_shape) uint8 prepared images -> (B, *image_shape) float32."""
        if self.n_regions is None:
            return self.encoder.encode_prepared(batch)
        return self.encoder.encode_prepared_regions(batch, self.n_regions - 1)

    def facts(self) -> dict[str, Any]:  # Any: JSON
        """What the feature store keeps of it."""
        return {
            "fingerprint": self.fingerprint,
            "image_dim": self.image_shape[-1],
            "n_regions": self.n_regions,
            "caption_dim": self.caption_dim,
            "joint_dim": self.joint_dim,
        }
