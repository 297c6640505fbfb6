"""How long a run will take, roughly."""

# Fitted to the demo (1,484 pairs of 970 images, default method: 149 s) and to Flickr8k train (5,999 images, 29,995
# pairs: encoding 74 s, one training 97 s, of which the default method does about four) on two CPU cores without a GPU.
_FIXED_S = 120.0
_IMAGE_S = 0.008
_CAPTION_S = 0.001
_PAIR_S = 0.013


def estimated_run_s(*, n_images: int, n_captions: int, n_pairs: int) -> float:
    """Seconds of a default run on two CPU cores; a GPU or more cores take a fraction of it."""
    return _FIXED_S + _IMAGE_S * n_images + _CAPTION_S * n_captions + _PAIR_S * n_pairs
