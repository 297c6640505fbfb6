"""Files made to harm an import, each with what must become of it. Shared by the tests and `benchmarks/hostile.py`."""

from tests.hostile.images import corpus_of, hostile_images
from tests.hostile.items import HostileArchive, HostileImage, picture, sound_files
from tests.hostile.tables import giant_tables, hostile_tables
from tests.hostile.tars import hostile_tars
from tests.hostile.zips import hostile_zips

__all__ = [
    "HostileArchive",
    "HostileImage",
    "corpus_of",
    "giant_tables",
    "hostile_images",
    "hostile_tables",
    "hostile_tars",
    "hostile_zips",
    "picture",
    "sound_files",
]
