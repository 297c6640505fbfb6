"""What an operator may set, read once at the edge from `MISPAIR_*` environment variables."""

from functools import lru_cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024


class Settings(BaseSettings):
    """Settings of every process of the service. Periods are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="MISPAIR_", extra="ignore", frozen=True)

    database_url: str
    broker_url: str
    storage_url: str = Field(description="file:///absolute/folder or s3://bucket/prefix")
    data: Path = Field(default=Path("mispair-data"), description="local folder for caches, temporary files and logs")

    encoders: dict[str, str] = Field(default={"offline": "offline"}, description="registered name = encoder spec")
    default_encoder: str = "offline"
    device: str = Field(default="auto", description="auto, cpu or cuda")
    word_captions: int = Field(
        default=2_000,
        ge=0,
        description="how many shortened captions a run encodes to find words that are not in their images; 0 = none",
    )
    threads: int = Field(default=0, ge=0, description="CPU threads of an encoder or training; 0 = all cores")

    lease_s: float = Field(default=60, gt=0)
    heartbeat_s: float = Field(default=10, gt=0)
    sweep_s: float = Field(default=15, gt=0)
    max_interruptions: int = Field(default=3, ge=1)
    no_progress_s: float = Field(default=1800, gt=0, description="a training without a step for this long is killed")
    worker_seen_s: float = Field(default=30, gt=0, description="a worker unseen for this long counts as gone")

    max_archive_bytes: int = Field(default=64 * 1024 * MIB, gt=0)
    max_archive_members: int = Field(default=2_000_000, gt=0)
    max_member_bytes: int = Field(default=64 * MIB, gt=0)
    max_manifest_bytes: int = Field(default=2048 * MIB, gt=0)
    max_image_pixels: int = Field(default=100_000_000, gt=0)
    max_caption_chars: int = Field(default=10_000, gt=0)
    min_pairs: int = Field(default=200, ge=2, description="the fewest pairs a run takes")
    max_workspace_bytes: int | None = Field(
        default=None, gt=0, description="archives that a workspace may store, uploads under way included; unset = any"
    )
    max_workspace_uploads: int = Field(default=100, gt=0, description="unfinished resumable uploads of a workspace")
    max_workspace_pairs: int | None = Field(
        default=None, gt=0, description="pairs that a workspace may have, in all versions of its corpora; unset = any"
    )
    max_workspace_runs: int = Field(default=50, gt=0, description="runs of a workspace that have not ended")
    upload_expiry_s: float = Field(default=7 * 86_400, gt=0, description="an upload without news is removed after it")
    upload_idle_s: float = Field(default=60, gt=0, description="a request whose body brings nothing for so long ends")
    shard_bytes: int = Field(default=256 * MIB, gt=0)
    thumbnail_px: int = Field(default=256, gt=0)

    allowed_hosts: tuple[str, ...] = Field(default=("*",), description="names a Host header may bear; * = every one")
    session_hours: float = Field(default=12, gt=0)
    max_json_bytes: int = Field(default=MIB, gt=0)
    max_query_image_bytes: int = Field(default=16 * MIB, gt=0)
    search_indexes_held: int = Field(default=4, ge=1)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Read the environment once. Only the edges call this: create_app, the Celery app, the command line, alembic."""
    return Settings()
