"""`mispair keys`: who may use the server."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from mispair.commands.options import DataOption, NoTtyOption, UrlOption, open_client
from mispair.tables import print_table

keys = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")],
    *,
    expires_at: Annotated[
        datetime | None, typer.Option(metavar="TIME", help="When it stops working, in UTC, such as 2027-01-31.")
    ] = None,
    data: DataOption = None,
    url: UrlOption = None,
) -> None:
    """Create a key and print it. It is shown this once only."""
    if expires_at is not None and expires_at.tzinfo is None:
        expires_at = expires_at.replace(tzinfo=UTC)
    with open_client(data, url) as client:
        key = client.create_key(name, expires_at)
    typer.echo(f"id {key.id}: this key is not shown again", err=True)
    typer.echo(key.key)


@keys.command("list")
def list_keys(*, data: DataOption = None, url: UrlOption = None, no_tty: NoTtyOption = False) -> None:
    """List the keys, without their secrets."""
    with open_client(data, url) as client:
        rows = [
            (
                key.id,
                key.name,
                key.public_id,
                *(_minute(time) for time in (key.created_at, key.expires_at, key.last_used_at, key.revoked_at)),
            )
            for key in client.keys()  # noqa: SIM118 - a client is no dict
        ]
    print_table(("id", "name", "public id", "created", "expires", "last used", "revoked"), rows, no_tty=no_tty)


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID")], *, data: DataOption = None, url: UrlOption = None
) -> None:
    """Revoke a key; requests with it are refused from now on."""
    with open_client(data, url) as client:
        client.revoke_key(key_id)
    typer.echo(f"revoked {key_id}")


def _minute(time: datetime | None) -> str | None:
    return None if time is None else f"{time:%Y-%m-%d %H:%M}"
