"""As whom the servers run: PostgreSQL refuses user id 0, so root lends it the account `nobody`."""

import os
import pwd
import shutil
from dataclasses import dataclass

from app.core.embedded.errors import BinaryMissingError, EmbeddedError


@dataclass(frozen=True)
class ServerAccount:
    """The account of a server process.

    Attributes:
        uid: user id that owns its data.
        gid: group id of the same.
        prefix: words that go before a command so that it runs under this account; empty for one's own.
    """

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether commands run as the calling user."""
        return not self.prefix


def own_account() -> ServerAccount:
    """The account of this process."""
    return ServerAccount(os.geteuid(), os.getegid())


def postgres_account() -> ServerAccount:
    """Who may run PostgreSQL here: an ordinary user is itself; root runs it as `nobody`.

    `nobody` keeps one capability, dac_override, so that it reaches a data folder below root's private folders
    without any of them being opened to others.

    Raises:
        BinaryMissingError: running as root where `setpriv` (util-linux) is not installed.
        EmbeddedError: running as root on a system without the account `nobody`.
    """
    if os.geteuid() != 0:
        return own_account()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise BinaryMissingError(
            "PostgreSQL does not run as root, and the program setpriv (package util-linux), which would start it as"
            " the user nobody, is not on PATH: install util-linux, or run Mispair as an ordinary user"
        )
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise EmbeddedError(
            "PostgreSQL does not run as root, and this system has no user named nobody to run it as:"
            " run Mispair as an ordinary user"
        ) from error
    prefix = (
        setpriv,
        f"--reuid={nobody.pw_uid}",
        f"--regid={nobody.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--",
    )
    return ServerAccount(nobody.pw_uid, nobody.pw_gid, prefix)
