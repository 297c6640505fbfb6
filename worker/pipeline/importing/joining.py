"""From what a row says about its image to a member of the archive."""

import posixpath
import unicodedata
from collections.abc import Collection, Mapping

from worker.pipeline.importing.archive import Member
from worker.pipeline.importing.image_names import is_image_name
from worker.pipeline.importing.member_names import is_junk
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.rows import CaptionRow


class ImageNotFoundError(Exception):
    """No member, or more than one, is what the row means; the message says which."""


class ImageFinder:
    """Finds members by the paths that rows give.

    In this order: the path as seen from the folder of the row's file, the path as seen from the archive's root, and the
    base name where only one member has it. Then the same without the ending, among images: `12` or `12.jpg` finds
    `12.png`.

    Args:
        members: all regular files of the archive.
        files: those that rows stand in, which are no images.
    """

    def __init__(self, members: Mapping[str, Member], files: Collection[str]) -> None:
        self._members = members
        self._by_base_name: dict[str, Member | None] = {}  # None: several have it
        self._by_stem: dict[str, Member | None] = {}  # path without ending
        self._by_base_stem: dict[str, Member | None] = {}
        self._by_folded_name: dict[str, str] = {}
        for name, member in members.items():
            if name in files or is_junk(name):
                continue
            _add(self._by_base_name, posixpath.basename(name), member)
            if is_image_name(name):
                _add(self._by_stem, posixpath.splitext(name)[0], member)
                _add(self._by_base_stem, posixpath.splitext(posixpath.basename(name))[0], member)

    def find(self, row: CaptionRow) -> Member:
        """The member that a row means.

        Raises:
            ImageNotFoundError: there is none, or it cannot be told which.
        """
        if row.member is not None:
            return self._exactly(row.member)
        path = unicodedata.normalize("NFC", (row.image or "").replace("\\", "/").strip())
        if not path:
            raise ImageNotFoundError("the row names no image")
        # Only looked up among the members, so a path that leaves the archive finds nothing.
        places = [posixpath.normpath(posixpath.join(folder, path.lstrip("/"))) for folder in _folders(row.file)]
        base_name = posixpath.basename(path)
        found = next((self._members[place] for place in places if place in self._members), None)
        found = found or self._by_base_name.get(base_name)
        if found is None and base_name not in self._by_base_name:
            found = self._by_stems(places, base_name)
        if found is None:
            raise ImageNotFoundError(self._why_not(path, base_name))
        return found

    def _exactly(self, name: str) -> Member:
        if not name:
            raise ImageNotFoundError("no image belongs to it")
        if name not in self._members:
            raise ImageNotFoundError(f"the archive holds no file {printable(name)!r}")
        return self._members[name]

    def _by_stems(self, places: list[str], base_name: str) -> Member | None:
        for place in places:
            for stem in (place, posixpath.splitext(place)[0] if is_image_name(place) else place):
                if (member := self._by_stem.get(stem)) is not None:
                    return member
        stem = posixpath.splitext(base_name)[0] if is_image_name(base_name) else base_name
        return self._by_base_stem.get(stem)

    def _why_not(self, path: str, base_name: str) -> str:
        missing = f"the archive holds no file {printable(path)!r}"
        if base_name in self._by_base_name:
            return f"{missing}, and several named {printable(base_name)!r}"
        if not self._by_folded_name:
            self._by_folded_name.update((name.casefold(), name) for name in self._by_base_name)
        other = self._by_folded_name.get(base_name.casefold())
        return missing if other is None else f"{missing}, but one named {printable(other)!r}; case matters"


def _folders(file: str) -> tuple[str, str]:
    return posixpath.dirname(file), ""


def _add(index: dict[str, Member | None], key: str, member: Member) -> None:
    index[key] = None if key in index else member
