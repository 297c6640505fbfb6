"""Why an archive is refused as a whole."""

from enum import StrEnum

from app.core.errors import JobFailedError


class RefusalCode(StrEnum):
    """What makes a whole archive unusable, as `corpus.error.code` tells it."""

    UNREADABLE_ARCHIVE = "unreadable_archive"
    TRUNCATED_ARCHIVE = "truncated_archive"
    AMBIGUOUS_ARCHIVE = "ambiguous_archive"
    ENCRYPTED_MEMBER = "encrypted_member"
    UNSAFE_PATH = "unsafe_path"
    LINK_MEMBER = "link_member"
    SPECIAL_MEMBER = "special_member"
    DUPLICATE_MEMBER = "duplicate_member"
    TOO_MANY_MEMBERS = "too_many_members"
    ARCHIVE_BOMB = "archive_bomb"
    NO_MANIFEST = "no_manifest"
    AMBIGUOUS_MANIFEST = "ambiguous_manifest"
    MANIFEST_TOO_LARGE = "manifest_too_large"
    TOO_MANY_ROWS = "too_many_rows"
    TOO_MANY_VALUES = "too_many_values"
    TOO_MANY_COLUMNS = "too_many_columns"
    NO_CAPTION_COLUMN = "no_caption_column"
    NO_IMAGE_COLUMN = "no_image_column"
    NOT_UTF8 = "not_utf8"
    UNREADABLE_TABLE = "unreadable_table"
    WRONG_FORMAT = "wrong_format"
    NO_CAPTIONS = "no_captions"
    UNSUPPORTED_FORMAT = "unsupported_format"


class ArchiveRefusedError(JobFailedError):
    """The archive cannot become a corpus version, however often it is tried. Nothing of it is kept."""

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(detail, code=code.value)


def refuse_ambiguous(why: str) -> ArchiveRefusedError:
    """A file that different programs would read as different archives."""
    return ArchiveRefusedError(
        RefusalCode.AMBIGUOUS_ARCHIVE,
        f"programs would disagree on what the archive holds: {why}; pack the files anew",
    )
