"""Members that no row names: images among them are told one by one, the rest is only counted."""

from collections.abc import Callable, Mapping

from worker.pipeline.image_decoding import MAGIC_BYTES, image_format
from worker.pipeline.importing.archive import Archive, DamagedMemberError, Member
from worker.pipeline.importing.image_names import is_image_name
from worker.pipeline.importing.member_names import is_junk

_MEMBERS_A_CHECK = 1_000


def split_unnamed(
    archive: Archive, members: Mapping[str, Member], known: set[str], check: Callable[[], None]
) -> tuple[list[str], int]:
    """Find the images that no row names.

    Args:
        archive: where they lie.
        members: all regular files.
        known: names of what the format consists of and of what rows name.
        check: called now and then; it may raise to stop the import.

    Returns:
        Names of images, by their ending or their first bytes, and how many other files there are. What operating
        systems leave behind counts as neither.
    """
    images: list[str] = []
    n_others = 0
    for n_seen, (name, member) in enumerate(members.items()):
        if n_seen % _MEMBERS_A_CHECK == 0:
            check()
        if name in known or is_junk(name):
            continue
        if is_image_name(name) or _starts_as_image(archive, member):
            images.append(name)
        else:
            n_others += 1
    return images, n_others


def _starts_as_image(archive: Archive, member: Member) -> bool:
    try:
        return image_format(archive.read(member, MAGIC_BYTES)) is not None
    except DamagedMemberError:
        return False
