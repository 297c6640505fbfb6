"""The similarity that an encoder itself gives a pair: what most people filter image-caption corpora by."""

from crcl_core.data import PairFeatures
from crcl_core.detection.cosines import pair_cosines, unit_rows
from crcl_core.types import DoubleArray, FloatArray


def encoder_similarity(features: PairFeatures, *, has_joint_space: bool) -> DoubleArray:
    """Scores each pair by the cosine of its image's and its caption's vector.

    Args:
        features: The corpus, one vector an image and a caption.
        has_joint_space: Whether the encoder puts both modalities into one space; without one cosines mean nothing.

    Returns:
        (N,) float64 in [0, 1], low = bad: (1 + cosine) / 2.

    Raises:
        ValueError: The encoder has no joint space, or images and captions are not one vector each of one width.

    Source: Schuhmann et al., "LAION-400M" (2021), which filters by CLIP (ICML 2021).
    """
    if not has_joint_space:
        raise ValueError("the encoder has no joint space, so its image and caption vectors cannot be compared")
    images, captions = global_vectors(features)
    if images.shape[1] != captions.shape[1]:
        raise ValueError(
            f"image vectors have width {images.shape[1]} and caption vectors {captions.shape[1]}, "
            "expected the one width of a joint space"
        )
    cosines = pair_cosines(unit_rows(images), unit_rows(captions), features.image_index, features.caption_index)
    return (1 + cosines) / 2


def global_vectors(features: PairFeatures) -> tuple[FloatArray, FloatArray]:
    """Returns the image vectors (I, D_image) and the caption vectors (C, D_caption) of a corpus that has them.

    Raises:
        ValueError: Its images are regions or its captions words.
    """
    if features.n_regions is not None or features.has_tokens:
        images = "vectors" if features.n_regions is None else "regions"
        captions = "words" if features.has_tokens else "vectors"
        raise ValueError(f"images are {images} and captions {captions}, expected one vector an image and a caption")
    return features.image_features, features.caption_features.astype("float32", copy=False)
