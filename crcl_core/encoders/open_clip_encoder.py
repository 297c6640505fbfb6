"""Any model of open_clip as an encoder: by a tag of its hub or from an operator's own checkpoint file."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import cast, final

import numpy as np
import torch
from PIL import Image
from torch import nn

from crcl_core.encoders.encoder import ByteArray, Modality, check_prepared, prepare_and_encode
from crcl_core.encoders.open_clip_loading import LoadedClip, load_clip
from crcl_core.encoders.open_clip_maps import find_region_grid, last_feature_map
from crcl_core.encoders.region_grid import RegionGrid
from crcl_core.types import EncoderError, FloatArray

_IMAGES_PER_STEP = {"cpu": 16, "cuda": 256}
_CAPTIONS_PER_STEP = {"cpu": 64, "cuda": 1024}


@final
class OpenClipEncoder:
    """A contrastive model whose image and caption vectors share one space.

    Vectors are L2-normalised, as the model compares them. Images go through open_clip's own transform: its resizing
    and cropping in `prepare_image`, its scaling on the device. On a graphics card the networks run in mixed precision
    (bfloat16 where the card has it, else float16); the vectors are float32 either way.

    Regions come from the image tower's last feature map, in its own width and not normalised. Asking for anything about
    them runs the tower on one black image the first time.

    Args:
        name: The name under which it is registered.
        loaded: The model with what belongs to it.
        device: Where it runs.
    """

    def __init__(self, name: str, loaded: LoadedClip, device: torch.device) -> None:
        self.name = name
        self.fingerprint = loaded.fingerprint
        self.image_dim = loaded.embed_dim
        self.caption_dim = loaded.embed_dim
        self.joint_dim: int | None = loaded.embed_dim
        self.prepared_shape = loaded.preprocess.shape
        self._preprocess = loaded.preprocess
        self._tokenize = loaded.tokenize
        self._device = device
        self._model = loaded.model.to(device)
        self._visual = cast("nn.Module", self._model.visual)
        # (3, 1, 1), to be subtracted from and divided into (B, 3, rows, columns).
        self._mean = torch.tensor(loaded.preprocess.mean, device=device).view(3, 1, 1)
        self._std = torch.tensor(loaded.preprocess.std, device=device).view(3, 1, 1)

    def supports(self, modality: Modality) -> bool:
        """Both modalities can be embedded."""
        return modality in tuple(Modality)

    def prepare_image(self, image: Image.Image) -> ByteArray:
        """Resize and crop as the model's own transform does."""
        return np.asarray(self._preprocess.resize(image.convert("RGB")), dtype=np.uint8)

    def encode_prepared(self, batch: ByteArray) -> FloatArray:
        """Embed prepared images, (B, *prepared_shape) uint8 to (B, joint_dim) float32 of length 1."""
        check_prepared(self, batch)
        step = _step(_IMAGES_PER_STEP, self._device)
        return self._in_steps(len(batch), step, lambda start: self._embed_images(batch[start : start + step]))

    @cached_property
    def region_dim(self) -> int | None:
        """Width of a region; None where the image tower has no feature map."""
        return None if self._found_grid is None else self._found_grid.dim

    def encode_prepared_regions(self, batch: ByteArray, n_grid_regions: int) -> FloatArray:
        """Embed the regions of prepared images, (B, *prepared_shape) to (B, n_grid_regions + 1, region_dim) float32."""
        check_prepared(self, batch)
        grid = self._grid()
        weights = torch.from_numpy(grid.weights(n_grid_regions)).to(self._device)  # (R, P), P = positions
        features = np.empty((len(batch), len(weights), grid.dim), dtype=np.float32)
        step = _step(_IMAGES_PER_STEP, self._device)
        for start in range(0, len(batch), step):
            with torch.inference_mode():
                # Averaged in float32 and where the map is: on a graphics card it is far larger than the regions.
                regions = weights @ self._positions(batch[start : start + step]).float()  # (B, R, D)
            features[start : start + step] = regions.cpu().numpy()
        return features

    def region_fingerprint(self, n_grid_regions: int) -> str:
        """Fingerprint of so many regions."""
        return self._grid().fingerprint(self.fingerprint, n_grid_regions)

    def encode_images(self, images: Sequence[Image.Image]) -> FloatArray:
        """Prepare and embed images."""
        return prepare_and_encode(self, images)

    def encode_captions(self, captions: Sequence[str]) -> FloatArray:
        """Embed captions, (B,) to (B, joint_dim) float32 of length 1; cut at the model's context length."""
        step = _step(_CAPTIONS_PER_STEP, self._device)
        return self._in_steps(len(captions), step, lambda start: self._embed_captions(captions[start : start + step]))

    def _in_steps(self, n_rows: int, step: int, embed: Callable[[int], torch.Tensor]) -> FloatArray:
        features = np.empty((n_rows, self.image_dim), dtype=np.float32)
        for start in range(0, n_rows, step):
            with torch.inference_mode():
                # Normalised in float32: half precision would leave lengths of 0.999 to 1.001.
                part = nn.functional.normalize(embed(start).float(), dim=-1)
            features[start : start + step] = part.cpu().numpy()
        return features

    @cached_property
    def _found_grid(self) -> RegionGrid | None:
        return find_region_grid(self._visual, self.prepared_shape, self._device)

    def _grid(self) -> RegionGrid:
        if self._found_grid is None:
            raise EncoderError(
                f"encoder {self.name!r}: its image tower, {type(self._visual).__name__}, has no feature map to take "
                "regions from; it gives global vectors only"
            )
        return self._found_grid

    def _positions(self, batch: ByteArray) -> torch.Tensor:
        scaled = self._scale(batch)
        with self._mixed_precision():
            return last_feature_map(self._visual, scaled).flatten(2).transpose(1, 2)  # (B, P, D)

    def _embed_images(self, batch: ByteArray) -> torch.Tensor:
        scaled = self._scale(batch)
        with self._mixed_precision():
            vectors: torch.Tensor = self._model.encode_image(scaled)  # type: ignore[operator]  # open_clip is untyped
        return vectors

    def _scale(self, batch: ByteArray) -> torch.Tensor:
        # The copy is needed where the batch is a read-only map of a file, which torch does not accept in silence.
        pixels = torch.from_numpy(np.array(batch)).to(self._device).permute(0, 3, 1, 2)  # (B, 3, rows, columns)
        return (pixels.float() / 255.0 - self._mean) / self._std

    def _embed_captions(self, captions: Sequence[str]) -> torch.Tensor:
        readable = [caption.encode("utf-8", "replace").decode("utf-8") for caption in captions]
        tokens = self._tokenize(readable).to(self._device)  # (B, T)
        with self._mixed_precision():
            vectors: torch.Tensor = self._model.encode_text(tokens)  # type: ignore[operator]  # open_clip is untyped
        return vectors

    def _mixed_precision(self) -> AbstractContextManager[None]:
        if self._device.type != "cuda":
            return nullcontext()
        dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.autocast("cuda", dtype=dtype)


def load_open_clip_encoder(
    name: str, model: str, weights: str, *, device: str = "cpu", threads: int = 0
) -> OpenClipEncoder:
    """Load a model of open_clip.

    Args:
        name: The name under which it is registered.
        model: open_clip's name of the architecture.
        weights: One of its tags for that architecture, downloaded into the hub's own cache when it is not there, or
            the path of a checkpoint, from which nothing but tensors is read.
        device: "cpu", "cuda" or "cuda:N".
        threads: Threads of PyTorch in this process; 0 leaves them as they are.

    Raises:
        EncoderError: The model or the tag is unknown, or the weights cannot be had, read or used.
        ValueError: The device is malformed.
    """
    try:
        where = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device is {device!r}, expected 'cpu', 'cuda' or 'cuda:N'") from error
    if threads:
        torch.set_num_threads(threads)
    return OpenClipEncoder(name, load_clip(name, model, weights), where)


def _step(sizes: dict[str, int], device: torch.device) -> int:
    return sizes.get(device.type, sizes["cpu"])
