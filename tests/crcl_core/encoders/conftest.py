"""Fixtures of the encoder tests."""

from tests.crcl_core.encoders.offline_cache import offline_cache, offline_encoder

__all__ = ["offline_cache", "offline_encoder"]
