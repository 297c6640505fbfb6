"""From what a row says about its image to a member of the archive."""

import posixpath
import unicodedata
from collections.abc import Mapping

from worker.pipeline.importing.archive import Member
from worker.pipeline.importing.member_names import is_junk
from worker.pipeline.importing.printable_text import printable


class ImageNotFoundError(Exception):
    """No member, or more than one, is what the row means; the message says which."""


class ImageFinder:
    """Finds members by the paths that rows give.

    In this order: the path as seen from the manifest's folder, the path as seen from the archive's root, and the base
    name where only one member has it.

    Args:
        members: all regular files of the archive.
        manifest: the manifest's name.
    """

    def __init__(self, members: Mapping[str, Member], manifest: str) -> None:
        self._members = members
        self._folder = posixpath.dirname(manifest)
        self._by_base_name: dict[str, Member | None] = {}  # None: several have it
        for name, member in members.items():
            if name == manifest or is_junk(name):
                continue
            base_name = posixpath.basename(name)
            self._by_base_name[base_name] = None if base_name in self._by_base_name else member

    def find(self, reference: str | None) -> Member:
        """The member that a row means.

        Args:
            reference: what the row says, verbatim; None where it could not be read.

        Raises:
            ImageNotFoundError: there is none, or it cannot be told which.
        """
        path = unicodedata.normalize("NFC", (reference or "").replace("\\", "/").strip())
        if not path:
            raise ImageNotFoundError("the row names no image")
        for folder in (self._folder, ""):
            # Only looked up among the members, so a path that leaves the archive finds nothing.
            member = self._members.get(posixpath.normpath(posixpath.join(folder, path.lstrip("/"))))
            if member is not None:
                return member
        base_name = posixpath.basename(path)
        if base_name not in self._by_base_name:
            raise ImageNotFoundError(f"the archive holds no file {printable(path)!r}")
        member = self._by_base_name[base_name]
        if member is None:
            raise ImageNotFoundError(
                f"the archive holds no file {printable(path)!r}, and several named {printable(base_name)!r}"
            )
        return member
