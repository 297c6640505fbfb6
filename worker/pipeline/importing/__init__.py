"""Import of an archive into a corpus version."""

from worker.pipeline.importing.checking import UnknownFormatError, check_path
from worker.pipeline.importing.extending import extend_version
from worker.pipeline.importing.importing import import_archive, shard_prefix
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode

__all__ = [
    "ArchiveRefusedError",
    "ImportLimits",
    "RefusalCode",
    "UnknownFormatError",
    "check_path",
    "extend_version",
    "import_archive",
    "shard_prefix",
]
