"""The `offline` encoder: works on a fresh machine without a model hub, on ONNX Runtime."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import final

import numpy as np
import onnxruntime
from PIL import Image

from crcl_core.encoders.caption_tokens import MAX_TOKENS, CaptionTokens
from crcl_core.encoders.encoder import ByteArray, Modality, check_prepared, prepare_and_encode
from crcl_core.encoders.onnx_cache import cached_export
from crcl_core.encoders.pinned_weights import CAPTION_CONFIG, CAPTION_TOKENIZER, CAPTION_WEIGHTS, IMAGE_WEIGHTS
from crcl_core.encoders.region_grid import RegionGrid
from crcl_core.types import FloatArray

_SIDE_PX = 224
_IMAGE_DIM = 1280
_CAPTION_DIM = 384
# On a processor the activations of a few images stay in the cache: 380 images/s at 4, 280 at 32 (two cores).
_IMAGES_PER_STEP = {"cpu": 4, "cuda": 64}
# For the same reason, and because it leaves less padding: 16 sorted captions a step are 1.15 times as fast as 64.
_CAPTIONS_PER_STEP = {"cpu": 16, "cuda": 256}
# Goes into the fingerprint: raise the number whenever the same input would give another vector.
_RECIPE = (
    f"offline 1: image squashed to {_SIDE_PX} px bicubic, (x - 127) / 128, mean of the last feature map; "
    f"caption cut at {MAX_TOKENS} word pieces, mean over them, L2"
)
_REGIONS = RegionGrid(rows=7, columns=7, dim=_IMAGE_DIM, source="offline 1: last feature map")


@final
class OfflineEncoder:
    """EfficientNet-Lite0 for images, all-MiniLM-L6-v2 for captions; each in its own space, so there is no joint one.

    An image is squashed to 224 by 224 pixels, not cropped: a caption may speak of what stands at the edge, and a
    network trained on crops of changing aspect bears the distortion better than a missing object. Its vector, 1280
    wide, is the average over positions of the last feature map and is not normalised. Regions are averages over parts
    of the same map of 7 by 7 positions, so the global one among them is the image's vector.

    A caption is cut after 128 word pieces, as the tokenizer's own file says and the model was trained. Its vector,
    384 wide, is the mean over the word pieces, L2-normalised, which is the model's published last step.

    Both may be called from several threads at once.

    Args:
        name: The name under which it is registered.
        image_session: Runs the image network.
        caption_session: Runs the caption network.
        tokens: Tokenizer of the captions.
        on_gpu: Whether the sessions run on a graphics card; sets the size of a step.
    """

    joint_dim: int | None = None

    def __init__(
        self,
        name: str,
        *,
        image_session: onnxruntime.InferenceSession,
        caption_session: onnxruntime.InferenceSession,
        tokens: CaptionTokens,
        on_gpu: bool = False,
    ) -> None:
        self.name = name
        self.fingerprint = offline_fingerprint()
        self.image_dim = _IMAGE_DIM
        self.caption_dim = _CAPTION_DIM
        self.prepared_shape = (_SIDE_PX, _SIDE_PX, 3)
        self.region_dim: int | None = _REGIONS.dim
        self._image_session = image_session
        self._caption_session = caption_session
        self._tokens = tokens
        device = "cuda" if on_gpu else "cpu"
        self._images_per_step = _IMAGES_PER_STEP[device]
        self._captions_per_step = _CAPTIONS_PER_STEP[device]

    def supports(self, modality: Modality) -> bool:
        """Both modalities can be embedded."""
        return modality in tuple(Modality)

    def prepare_image(self, image: Image.Image) -> ByteArray:
        """Squash the whole image to 224 by 224 pixels, bicubic."""
        small = image.convert("RGB").resize(
            (_SIDE_PX, _SIDE_PX),
            Image.Resampling.BICUBIC,
            # Shrinks a large photograph by whole factors first: several times faster, and no visible difference.
            reducing_gap=3.0,
        )
        return np.asarray(small, dtype=np.uint8)

    def encode_prepared(self, batch: ByteArray) -> FloatArray:
        """Embed prepared images, (B, 224, 224, 3) uint8 to (B, 1280) float32."""
        check_prepared(self, batch)
        features = np.empty((len(batch), _IMAGE_DIM), dtype=np.float32)
        for rows, part in self._image_steps(batch, "features"):
            features[rows] = part
        return features

    def encode_prepared_regions(self, batch: ByteArray, n_grid_regions: int) -> FloatArray:
        """Embed the regions of prepared images, (B, 224, 224, 3) uint8 to (B, n_grid_regions + 1, 1280) float32."""
        check_prepared(self, batch)
        weights = _REGIONS.weights(n_grid_regions)  # (R, P), P = positions
        features = np.empty((len(batch), len(weights), _REGIONS.dim), dtype=np.float32)
        for rows, part in self._image_steps(batch, "feature_map"):
            positions = part.reshape(len(part), _REGIONS.dim, -1).transpose(0, 2, 1)  # (B, P, D)
            np.matmul(weights, positions, out=features[rows])
        return features

    def region_fingerprint(self, n_grid_regions: int) -> str:
        """Fingerprint of so many regions."""
        return _REGIONS.fingerprint(self.fingerprint, n_grid_regions)

    def encode_images(self, images: Sequence[Image.Image]) -> FloatArray:
        """Prepare and embed images."""
        return prepare_and_encode(self, images)

    def encode_captions(self, captions: Sequence[str]) -> FloatArray:
        """Embed captions, (B,) to (B, 384) float32 of length 1."""
        features = np.empty((len(captions), _CAPTION_DIM), dtype=np.float32)
        for positions, ids, mask in self._tokens.batches(captions, self._captions_per_step):
            (part,) = self._caption_session.run(["features"], {"input_ids": ids, "attention_mask": mask})
            features[positions] = part
        return features

    def _image_steps(self, batch: ByteArray, output: str) -> Iterator[tuple[slice, FloatArray]]:
        for start in range(0, len(batch), self._images_per_step):
            pixels = np.ascontiguousarray(batch[start : start + self._images_per_step])
            (part,) = self._image_session.run([output], {"pixels": pixels})
            yield slice(start, start + len(pixels)), part


def offline_fingerprint() -> str:
    """Fingerprint of the encoder: known without loading it, because its weights are pinned."""
    pins = (IMAGE_WEIGHTS, CAPTION_WEIGHTS, CAPTION_CONFIG, CAPTION_TOKENIZER)
    return hashlib.sha256("\n".join([_RECIPE, *(pin.sha256 for pin in pins)]).encode()).hexdigest()


def load_offline_encoder(name: str, *, cache_dir: Path, device: str = "cpu", threads: int = 0) -> OfflineEncoder:
    """Load the encoder; the first time in a cache folder, export its networks, which takes some 15 seconds.

    Args:
        name: The name under which it is registered.
        cache_dir: Where the exported networks are kept, about 105 MB.
        device: "cuda" or "cuda:N" is used where ONNX Runtime was built for it; otherwise the processor runs.
        threads: Threads a network may use on the processor; 0 means one a core.

    Raises:
        EncoderError: Weights are missing or not the pinned ones, or the export is not equal to PyTorch.
    """
    providers = _providers(device)
    stem = offline_fingerprint()[:16]
    # The name says that the feature map is an output: files of earlier versions, which lack it, are not taken for it.
    image_path = cached_export(cache_dir, f"offline-image-maps-{stem}", _export_images)
    caption_path = cached_export(cache_dir, f"offline-captions-{stem}", _export_captions)
    return OfflineEncoder(
        name,
        image_session=_open(image_path, providers, threads),
        caption_session=_open(caption_path, providers, threads),
        tokens=CaptionTokens(CAPTION_TOKENIZER),
        on_gpu=len(providers) > 1,
    )


def _export_images(path: Path) -> None:
    # Lazy: once the networks are cached, PyTorch, timm and transformers (six seconds) are not needed at all.
    from crcl_core.encoders.onnx_export import export_image_network

    export_image_network(path)


def _export_captions(path: Path) -> None:
    from crcl_core.encoders.onnx_export import export_caption_network

    export_caption_network(path)


def _providers(device: str) -> list[tuple[str, dict[str, str]]]:
    kind, _, number = device.partition(":")
    if kind not in _IMAGES_PER_STEP or (number and not number.isdecimal()):
        raise ValueError(f"device is {device!r}, expected 'cpu', 'cuda' or 'cuda:N'")
    providers: list[tuple[str, dict[str, str]]] = [("CPUExecutionProvider", {})]
    if kind == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": number or "0"}))
    return providers


def _open(path: Path, providers: list[tuple[str, dict[str, str]]], threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A thread that waits by spinning takes the core that a busy one needs. Measured beside other work on two cores: 103
    # images/s with spinning, 204 without, which is again what the processor time used is worth alone.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors only; its warnings speak about graph details
    return onnxruntime.InferenceSession(str(path), options, providers=providers)
