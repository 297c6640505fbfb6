"""Samples: an image and the files beside it that bear the same name."""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.models import RejectionCode
from worker.pipeline.importing.archive import Archive, DamagedMemberError, Member
from worker.pipeline.importing.columns import caption_column
from worker.pipeline.importing.image_names import IMAGE_SUFFIXES
from worker.pipeline.importing.json_values import UnfitJsonError, read_object
from worker.pipeline.importing.member_names import is_junk
from worker.pipeline.importing.object_rows import id_text, object_captions
from worker.pipeline.importing.printable_text import is_valid_text, printable, storable_name
from worker.pipeline.importing.rows import CaptionRow, RowFault
from worker.pipeline.importing.text_encoding import UnknownEncodingError, sniff_encoding

TEXT_SUFFIXES = (".caption", ".txt", ".json")  # in the order of preference
_MAX_TEXT_BYTES = 1024 * 1024

KeyOf = Callable[[str], tuple[str, str]]


@dataclass
class Sample:
    """Files with one key: names of images, and members with texts by their ending."""

    key: str
    images: list[str] = field(default_factory=list)
    texts: dict[str, Member] = field(default_factory=dict)


def by_first_dot(name: str) -> tuple[str, str]:
    """Key and ending as webdataset has them: the base name is cut at its first dot."""
    folder, base_name = posixpath.split(name)
    stem, dot, ending = base_name.partition(".")
    return posixpath.join(folder, stem), (dot + ending).lower()


def by_last_dot(name: str) -> tuple[str, str]:
    """Key and ending as file systems have them."""
    stem, ending = posixpath.splitext(name)
    return stem, ending.lower()


def group_samples(members: Mapping[str, Member], key_of: KeyOf) -> dict[str, Sample]:
    """Group images and texts by their key, in the order of their first member."""
    samples: dict[str, Sample] = {}
    for name, member in members.items():
        key, ending = key_of(name)
        if is_junk(name) or (ending not in IMAGE_SUFFIXES and ending not in TEXT_SUFFIXES):
            continue
        sample = samples.setdefault(key, Sample(key))
        if ending in IMAGE_SUFFIXES:
            sample.images.append(name)
        else:
            sample.texts[ending] = member
    return samples


def sample_rows(archive: Archive, sample: Sample, number: int, files: set[str]) -> Iterator[CaptionRow]:
    """The captions of a sample that has texts.

    Args:
        archive: where they lie.
        sample: with at least one text.
        number: of its rows.
        files: the names of its texts are added to them.

    Yields nothing for a lone object without a caption.
    """
    file = next(sample.texts[suffix].name for suffix in TEXT_SUFFIXES if suffix in sample.texts)
    image = sample.images[0] if sample.images else None
    names = {member.name for member in sample.texts.values()}
    key = storable_name(sample.key)
    base = CaptionRow(number, storable_name(image or sample.key), source_id=key, file=file, member=image or "")
    try:
        value = _object(archive, sample.texts.get(".json"))
        text = _text(archive, sample)
    except (_TextFaultError, DamagedMemberError) as error:
        files |= names
        code = error.code if isinstance(error, _TextFaultError) else RejectionCode.DAMAGED_MEMBER
        yield base.rejected(RowFault(code, printable(str(error))))
        return
    name = caption_column(list(value))
    if image is None and text is None and name is None:
        return  # an object that speaks of something else, such as the whole data set
    files |= names
    captions = [text] if text else object_captions(value, () if name is None else (name,)) or [""]
    extra = {key: child for key, child in value.items() if key != name} or None
    for caption in captions:
        if not isinstance(caption, str) and caption is not None:
            yield base.rejected(RowFault(RejectionCode.MALFORMED_ROW, f"{printable(str(name))} is not a text"))
            continue
        yield CaptionRow(
            number,
            base.image,
            caption=caption or "",
            source_id=id_text(value.get("id")) or key,
            extra=extra,
            file=file,
            member=base.member,
        )


class _TextFaultError(Exception):
    """A text beside an image cannot be used."""

    def __init__(self, code: RejectionCode, why: str) -> None:
        super().__init__(why)
        self.code = code


def _text(archive: Archive, sample: Sample) -> str | None:
    member = next((sample.texts[one] for one in TEXT_SUFFIXES[:2] if one in sample.texts), None)
    text = None if member is None else _decoded(archive, member).strip()
    if text and "\0" in text:
        raise _TextFaultError(RejectionCode.MALFORMED_ROW, "the text holds a NUL character")
    return text


def _object(archive: Archive, member: Member | None) -> dict[str, Any]:  # Any: JSON
    if member is None:
        return {}
    try:
        return read_object(_decoded(archive, member))
    except UnfitJsonError as error:
        code = RejectionCode.NOT_UTF8 if error.is_encoding else RejectionCode.MALFORMED_ROW
        raise _TextFaultError(code, f"{member.name} cannot be read: {error}") from error


def _decoded(archive: Archive, member: Member) -> str:
    if member.n_bytes > _MAX_TEXT_BYTES:
        raise _TextFaultError(
            RejectionCode.MEMBER_TOO_LARGE,
            f"{member.name} has {member.n_bytes} bytes, at most {_MAX_TEXT_BYTES} are allowed",
        )
    data = archive.read(member)
    try:
        encoding = sniff_encoding(data)
    except UnknownEncodingError as error:
        raise _TextFaultError(RejectionCode.NOT_UTF8, f"{member.name}: {error}") from error
    text = data[encoding.n_mark_bytes :].decode(encoding.codec, encoding.errors)
    if not is_valid_text(text):
        raise _TextFaultError(RejectionCode.NOT_UTF8, f"{member.name} holds bytes that are not UTF-8 text")
    return text
