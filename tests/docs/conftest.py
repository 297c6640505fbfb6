"""Fixtures of the tests of the documents."""

from tests.crcl_core.encoders.offline_cache import offline_cache

__all__ = ["offline_cache"]
