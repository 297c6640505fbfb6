"""Where the private unix sockets live: beside the data, or in a short folder below /tmp when the path is too long."""

import hashlib
import os
import stat
from pathlib import Path

from app.core.embedded.errors import DataFolderError

LONGEST_SOCKET_PATH_BYTES = 107  # sockaddr_un holds 108 with the closing NUL; Redis silently cuts what is longer.
_LONGEST_NAME = ".s.PGSQL.5432.lock"
_SHORT_PARENT = Path("/tmp")  # noqa: S108 - the folder below it is our own, mode 0700, and checked before use


def socket_folder(data: Path, *, short_parent: Path = _SHORT_PARENT) -> Path:
    """Make the folder for the sockets of a data folder and return it, mode 0700 and owned by this user.

    Args:
        data: the absolute data folder.
        short_parent: where the short folder goes when a socket inside `data` would have a path over 107 bytes.

    Raises:
        DataFolderError: what is there is not a private folder of this user.
    """
    inside = data / "sockets"
    if _fits(inside):
        return _make_private(inside)
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    return _make_private(short_parent / f"mispair-{os.geteuid()}-{digest}")


def remove_short_folder(folder: Path, data: Path) -> None:
    """Remove a socket folder that lies outside the data folder, once it is empty."""
    if folder.is_relative_to(data):
        return
    try:
        folder.rmdir()
    except OSError:
        return  # Gone already, or a server that was killed left its socket: the next start takes the folder again.


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / _LONGEST_NAME)) <= LONGEST_SOCKET_PATH_BYTES


def _make_private(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise DataFolderError(f"the socket folder {folder} cannot be made: {error.strerror}") from error
    # lstat, not stat: in /tmp another user could have put a link or a folder of their own under this name.
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise DataFolderError(
            f"the socket folder {folder} must be a folder of user id {os.geteuid()} with mode 0700, and is"
            f" {stat.filemode(status.st_mode)} of user id {status.st_uid}: remove it and start again"
        )
    return folder
