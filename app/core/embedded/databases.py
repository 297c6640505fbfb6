"""Databases inside the embedded cluster: create, drop, and the URL of one."""

from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL

from app.core.embedded.postgres import SUPERUSER


def database_url(sockets: Path, name: str) -> str:
    """The SQLAlchemy URL of a database behind a unix socket, for a path with any characters.

    Without its `+psycopg` it is a libpq URI too, which reads a plus sign as itself: a space becomes %20 here.
    """
    url = URL.create("postgresql+psycopg", username=SUPERUSER, database=name, query={"host": str(sockets)})
    address, _, query = url.render_as_string(hide_password=False).partition("?")
    return f"{address}?{query.replace('+', '%20')}"


def ensure_database(sockets: Path, name: str) -> None:
    """Create the database unless it exists."""
    with _administer(sockets) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def create_database(sockets: Path, name: str, template: str | None = None) -> None:
    """Create a database, as a copy of `template` when given; nobody may be connected to the template."""
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with _administer(sockets) as connection:
        connection.execute(statement)


def drop_database(sockets: Path, name: str) -> None:
    """Drop a database and the connections to it; nothing happens when it does not exist."""
    with _administer(sockets) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(sockets: Path) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(host=str(sockets), user=SUPERUSER, dbname="postgres", autocommit=True)
