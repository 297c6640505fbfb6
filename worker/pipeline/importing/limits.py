"""How much an archive may hold."""

from dataclasses import dataclass

from app.core.settings import Settings

_MIB = 1024 * 1024


@dataclass(frozen=True)
class ImportLimits:
    """Limits of one import; sizes in bytes.

    Attributes:
        max_unpacked_ratio: unpacked bytes per archive byte beyond which an archive counts as a bomb.
        min_unpacked_bytes: unpacked bytes that any archive may reach, however small it is.
        max_json_bytes: of a JSON file that is read as a whole; in memory it is several times as large.
        max_row_group_bytes: of a parquet file's group of rows, unpacked, with the images inside.
        max_rows: rows of all tables; each is held in memory until the end of the import.
        max_values: values of their other columns, see `ValueBudget`.
    """

    max_archive_bytes: int
    max_archive_members: int
    max_member_bytes: int
    max_manifest_bytes: int
    max_caption_chars: int
    shard_bytes: int
    max_unpacked_ratio: int = 100
    min_unpacked_bytes: int = 64 * _MIB
    max_json_bytes: int = 512 * _MIB
    max_row_group_bytes: int = 2048 * _MIB
    max_rows: int = 2_000_000
    max_values: int = 20_000_000

    @classmethod
    def from_settings(cls, settings: Settings) -> "ImportLimits":
        """The operator's limits."""
        return cls(
            max_archive_bytes=settings.max_archive_bytes,
            max_archive_members=settings.max_archive_members,
            max_member_bytes=settings.max_member_bytes,
            max_manifest_bytes=settings.max_manifest_bytes,
            max_caption_chars=settings.max_caption_chars,
            shard_bytes=settings.shard_bytes,
        )

    @classmethod
    def default(cls) -> "ImportLimits":
        """Those of an operator who sets none, where there is no server to ask."""
        return cls.from_settings(Settings.model_construct())

    def max_unpacked_bytes(self, archive_bytes: int) -> int:
        """Bytes that an archive of this size may unpack to."""
        allowed = max(self.max_unpacked_ratio * archive_bytes, self.min_unpacked_bytes)
        return min(allowed, self.max_archive_bytes)
