"""Brings a database to the newest schema. Used by `mispair up`, the containers and the tests."""

from pathlib import Path

from alembic import command
from alembic.config import Config


def alembic_config(database_url: str | None = None) -> Config:
    """Alembic's configuration without an ini file, so that it works from an installed package too."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str | None = None) -> None:
    """Upgrade to the newest schema. `database_url` left out: from the settings."""
    command.upgrade(alembic_config(database_url), "head")
