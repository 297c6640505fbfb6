"""Encoders: frozen models that turn images and captions into vectors."""

from crcl_core.encoders.encoder import ByteArray, Encoder, Modality
from crcl_core.encoders.registry import EncoderKind, EncoderSpec, load_encoder, open_encoder, parse_encoders

__all__ = [
    "ByteArray",
    "Encoder",
    "EncoderKind",
    "EncoderSpec",
    "Modality",
    "load_encoder",
    "open_encoder",
    "parse_encoders",
]
