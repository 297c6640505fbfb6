"""Where a client finds its server: `client.toml` in the data folder, which `mispair up` writes."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mispair.errors import ConfigurationError

DEFAULT_DATA = Path("mispair-data")
FILE_NAME = "client.toml"


@dataclass(frozen=True)
class ServerAddress:
    """A server and the key for it. The key stays out of every repr and message."""

    url: str
    key: str = field(repr=False)


def find_server(
    *, url: str | None, key: str | None, data: Path | None, environ: Mapping[str, str] | None = None
) -> ServerAddress:
    """Choose the server: arguments, then MISPAIR_URL and MISPAIR_KEY, then the data folder's file.

    A key from the file is never sent to another address than the file names.

    Args:
        url, key: as given by the caller.
        data: the data folder; default MISPAIR_DATA, then `mispair-data` in the working folder.
        environ: the process environment by default.

    Raises:
        ConfigurationError: no address or no key is known.
    """
    environ = os.environ if environ is None else environ
    url = url or environ.get("MISPAIR_URL")
    key = key or environ.get("MISPAIR_KEY")
    if url and key:
        return ServerAddress(_normal(url), key)
    path = data_folder(data, environ) / FILE_NAME
    stored = read_client_file(path) if path.exists() else None
    if stored is None:
        missing = "key" if url else "server address"
        raise ConfigurationError(
            f"no {missing} is known: {path} does not exist. Start a server with `mispair up`, "
            "name its data folder with --data, or set MISPAIR_URL and MISPAIR_KEY"
        )
    if url and _normal(url) != stored.url:
        raise ConfigurationError(
            f"no key for {_normal(url)} is known: {path} holds one for {stored.url}. Set MISPAIR_KEY"
        )
    return ServerAddress(stored.url, key or stored.key)


def data_folder(data: Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """The data folder: as given, else MISPAIR_DATA, else `mispair-data` in the working folder."""
    environ = os.environ if environ is None else environ
    return (data or Path(environ.get("MISPAIR_DATA") or DEFAULT_DATA)).expanduser()


def read_client_file(path: Path) -> ServerAddress:
    """Read a `client.toml`.

    Raises:
        ConfigurationError: it cannot be read, is not TOML, or lacks url or key.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # also what is not UTF-8
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    url, key = content.get("url"), content.get("key")
    if not isinstance(url, str) or not isinstance(key, str):
        raise ConfigurationError(f'{path} must hold the two lines `url = "..."` and `key = "..."`')
    return ServerAddress(_normal(url), key)


def write_client_file(path: Path, address: ServerAddress) -> None:
    """Write it aside with mode 0600 and move it into place, so that no reader ever sees half of it."""
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        # A JSON string in ASCII is also a TOML basic string.
        file.write(f"url = {json.dumps(address.url)}\nkey = {json.dumps(address.key)}\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _normal(url: str) -> str:
    return url.rstrip("/")
