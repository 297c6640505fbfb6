"""COPY in PostgreSQL's binary format, within a session's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session


def copy_rows(session: Session, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows to a table; one bad row aborts the whole transaction, so check values before.

    Args:
        session: its transaction takes the rows.
        table: the table's name.
        columns: column = PostgreSQL type. The binary format converts nothing, so the types must be the table's.
        rows: values in the order of the columns.
    """
    connection = cast("psycopg.Connection", session.connection().connection.driver_connection)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(table), names)
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(list(columns.values()))
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        # As SQLAlchemy would have raised it, so that callers need to know one family of errors.
        raise DBAPIError.instance(f"COPY {table}", None, error, psycopg.Error) from error
