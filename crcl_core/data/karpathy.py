"""Karpathy's splits: `dataset_{coco,flickr30k,flickr8k}.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Final, final


class KarpathySplit(StrEnum):
    """The splits as everyone reports them: `restval`, COCO's validation images that no split took, is part of train."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


_SPLIT_OF: Final = {**{split.value: split for split in KarpathySplit}, "restval": KarpathySplit.TRAIN}


@final
@dataclass(frozen=True, kw_only=True)
class KarpathyImage:
    """One image and its captions.

    Attributes:
        path: Relative to the folder of the images: `filepath/filename`, or the file name alone.
        image_id: `imgid`, its position in the file.
        coco_id: MS-COCO's own id, which other annotations of it use; None in other data sets.
        captions: As the annotators wrote them (`raw`); may be empty.
        caption_ids: `sentid` of each caption.
    """

    path: str
    image_id: int
    coco_id: int | None
    captions: tuple[str, ...]
    caption_ids: tuple[int, ...]


def read_karpathy(path: Path) -> Mapping[KarpathySplit, tuple[KarpathyImage, ...]]:
    """Reads Karpathy's json, in the order of the file.

    Args:
        path: The json file; it is read whole (144 MB for COCO).

    Returns:
        The images of all three splits, also of those that have none.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not such a json; an image lacks a field, has an unknown split or an id that came
            before, or its path leaves the folder. The message names the image by its position.
    """
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not json: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        # A file of the wrong form is a bad value; no argument has the wrong type.
        raise ValueError(f"{path} has no list `images`, expected Karpathy's splits")  # noqa: TRY004
    images: dict[KarpathySplit, list[KarpathyImage]] = {split: [] for split in KarpathySplit}
    seen: set[int] = set()
    for position, entry in enumerate(content["images"]):
        try:
            split, image = _SPLIT_OF[entry["split"]], _image(entry)
        except (KeyError, TypeError, ValueError) as error:
            expected = "filename, imgid, split (train, restval, val, test) and sentences with raw and sentid"
            raise ValueError(f"{path} image {position}: {error!r}, expected {expected}") from error
        if image.image_id in seen:
            raise ValueError(f"{path} image {position}: imgid {image.image_id} came before, expected one image of each")
        seen.add(image.image_id)
        images[split].append(image)
    return {split: tuple(found) for split, found in images.items()}


def _image(entry: dict[str, Any]) -> KarpathyImage:  # Any: json, whose types are checked as they are read
    sentences = [(_text(sentence["raw"]), _number(sentence["sentid"])) for sentence in entry["sentences"]]
    return KarpathyImage(
        path=_inside(_text(entry.get("filepath", "")), _text(entry["filename"])),
        image_id=_number(entry["imgid"]),
        coco_id=_number(entry["cocoid"]) if "cocoid" in entry else None,
        captions=tuple(raw for raw, _ in sentences),
        caption_ids=tuple(number for _, number in sentences),
    )


def _inside(folder: str, name: str) -> str:
    path = PurePosixPath(folder, name)
    if path.is_absolute() or ".." in path.parts or "\\" in str(path) or not name:
        raise ValueError(f"the path {str(path)!r} leaves the folder of the images")
    return str(path)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not a whole number")
    return value
