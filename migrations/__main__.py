"""`python -m migrations`: upgrade the database that the settings name."""

from migrations.upgrading import upgrade

upgrade()
