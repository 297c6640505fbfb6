"""The encoders that an operator registered, by name. Nobody else can add one, and no path comes from a client."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from crcl_core.encoders.encoder import Encoder
from crcl_core.types import EncoderError

_ALLOWED = "'offline', 'toy' or 'open_clip:MODEL@TAG_OR_FILE'"


class EncoderKind(StrEnum):
    """The implementations that a specification can ask for."""

    OFFLINE = "offline"
    OPEN_CLIP = "open_clip"
    TOY = "toy"


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """One registered encoder, taken apart.

    Args:
        kind: Which implementation.
        model: open_clip's name of the architecture; empty for the other kinds.
        weights: A tag of open_clip or the path of a checkpoint; empty for the other kinds.
    """

    kind: EncoderKind
    model: str = ""
    weights: str = ""


def parse_encoders(specs: Mapping[str, str]) -> dict[str, EncoderSpec]:
    """Read the operator's settings, name to specification.

    Whether a model or a file exists shows only when it is loaded: reading settings must not import a model library.

    Raises:
        EncoderError: A name is empty or a specification has none of the known forms.
    """
    return {name: _parse(name, text) for name, text in specs.items()}


def load_encoder(
    name: str,
    specs: Mapping[str, str],
    *,
    cache_dir: Path,
    device: str = "cpu",
    threads: int = 0,
) -> Encoder:
    """Load a registered encoder.

    Args:
        name: A key of `specs`.
        specs: The operator's settings, as `parse_encoders` reads them.
        cache_dir: Folder for what is exported once; created when missing, shared between processes. Weights of the hub
            go to the hub's own cache instead (`HF_HOME`), where an operator may have put them already.
        device: "cpu", "cuda" or "cuda:N".
        threads: Threads of the model on the processor; 0 leaves it to the library.

    Raises:
        EncoderError: The name is not registered, its specification is malformed, or its weights cannot be used.
    """
    parsed = parse_encoders(specs)
    if name not in parsed:
        known = ", ".join(sorted(parsed)) or "none"
        raise EncoderError(f"encoder {name!r} is not registered; registered: {known}")
    spec = parsed[name]
    # Each implementation pulls in its own heavy libraries, so it is imported only when it was chosen.
    if spec.kind is EncoderKind.TOY:
        from crcl_core.encoders.toy import ToyEncoder

        return ToyEncoder(name)
    if spec.kind is EncoderKind.OFFLINE:
        from crcl_core.encoders.offline import load_offline_encoder

        return load_offline_encoder(name, cache_dir=cache_dir, device=device, threads=threads)
    from crcl_core.encoders.open_clip_encoder import load_open_clip_encoder

    return load_open_clip_encoder(name, spec.model, spec.weights, device=device, threads=threads)


def open_encoder(spec: str, *, cache_dir: Path | str = ".crcl-cache", device: str = "cpu", threads: int = 0) -> Encoder:
    """Load an encoder by its specification, outside the service.

    Args:
        spec: "offline", "toy" or "open_clip:MODEL@TAG_OR_FILE".
        cache_dir: As `load_encoder`.
        device: As `load_encoder`.
        threads: As `load_encoder`.

    Raises:
        EncoderError: The specification is malformed, or its weights cannot be used.
    """
    return load_encoder(spec, {spec: spec}, cache_dir=Path(cache_dir), device=device, threads=threads)


def _parse(name: str, text: str) -> EncoderSpec:
    if not name.strip():
        raise EncoderError(f"an encoder needs a name; got {name!r} for {text!r}")
    kind, _, rest = text.strip().partition(":")
    if kind == EncoderKind.OPEN_CLIP:
        # A path may hold an "@", the name of an architecture never does.
        model, _, weights = rest.partition("@")
        if model and weights:
            return EncoderSpec(EncoderKind.OPEN_CLIP, model, weights)
    elif kind in tuple(EncoderKind) and not rest:
        return EncoderSpec(EncoderKind(kind))
    raise EncoderError(f"encoder {name!r}: specification {text!r}, expected {_ALLOWED}")
