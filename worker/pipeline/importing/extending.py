"""A new version from the one before it: some pairs left out, the rows of another archive added."""

import uuid
from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import final

from app.core.models import RejectionCode, new_id
from app.core.repositories.base_versions import BaseVersion
from app.core.repositories.importing import ImageRecord, ImportedVersion, PairRecord, RejectionRecord
from worker.pipeline.importing.caption_ordinals import CaptionOrdinals
from worker.pipeline.importing.pair_keys import PairKeys


def extend_version(
    base: BaseVersion,
    version_id: uuid.UUID,
    *,
    dropped: AbstractSet[uuid.UUID],
    added: ImportedVersion | None,
) -> ImportedVersion:
    """Carry over what is not dropped, in its order, then add what an archive brought.

    Images of the same bytes stay one, captions of the same words one ordinal, and keys stay unique. A row that says
    again what a pair of its id says already is rejected as `already_in_corpus`, so that an archive that is appended
    twice changes nothing.

    Args:
        base: the version before.
        version_id: of the version to be.
        dropped: ids of pairs of `base`.
        added: what the archive holds, or None.

    Returns:
        A version whose pairs name the version that brought them.
    """
    carried = [pair for pair_id, pair in zip(base.pair_ids, base.pairs, strict=True) if pair_id not in dropped]
    building = _Building(base.images, carried)
    rejections = [] if added is None else [*added.rejections, *building.add(added, base.number + 1)]
    return ImportedVersion(
        id=version_id,
        n_read=len(building.pairs) + len(rejections),
        n_captions=len(building.captions),
        images=building.images,
        pairs=building.pairs,
        rejections=rejections,
        image_column=(base if added is None else added).image_column or "",
        caption_column=(base if added is None else added).caption_column or "",
        n_other_members=0 if added is None else added.n_other_members,
        format=(base if added is None else added).format,
        preflight=None if added is None else added.preflight,
        parent_id=base.id,
        n_added=len(building.pairs) - len(carried),
        n_dropped=len(base.pairs) - len(carried),
    )


_Said = tuple[str, bytes, str]  # the user's id, the image's hash, the caption


@final
class _Building:
    """The rows of a version while it grows."""

    def __init__(self, images: Iterable[ImageRecord], carried: Iterable[PairRecord]) -> None:
        self.images: list[ImageRecord] = []
        self.pairs: list[PairRecord] = []
        self.captions = CaptionOrdinals()
        self._by_sha256: dict[bytes, ImageRecord] = {}
        self._keys = PairKeys()
        self._said: Counter[_Said] = Counter()
        by_id = {image.id: image for image in images}
        for pair in carried:
            image = by_id[pair.image_id]
            self._keys.reserve(pair.pair_key)
            self._said[_said(pair, image)] += 1
            self._append(pair, image)

    def add(self, added: ImportedVersion, import_number: int) -> list[RejectionRecord]:
        """Append the new pairs; returns what was there already."""
        by_id = {image.id: image for image in added.images}
        already: list[RejectionRecord] = []
        for pair in added.pairs:
            image = by_id[pair.image_id]
            said = _said(pair, image)
            if self._said[said] > 0:  # as often as the version before says it; what is repeated beyond is new
                self._said[said] -= 1
                already.append(_already(pair))
                continue
            key = self._keys.key(pair.source_id, image.sha256, pair.caption)
            self._append(replace(pair, pair_key=key, import_number=import_number), image)
        return already

    def _append(self, pair: PairRecord, image: ImageRecord) -> None:
        kept = self._by_sha256.get(image.sha256)
        if kept is None:
            kept = self._by_sha256[image.sha256] = replace(image, id=new_id())
            self.images.append(kept)
        ordinal = self.captions.ordinal(pair.caption)
        self.pairs.append(replace(pair, image_id=kept.id, caption_ordinal=ordinal))


def _said(pair: PairRecord, image: ImageRecord) -> _Said:
    return (pair.source_id or "").strip(), image.sha256, pair.caption


def _already(pair: PairRecord) -> RejectionRecord:
    return RejectionRecord(
        pair.row_number,
        pair.source_path,
        RejectionCode.ALREADY_IN_CORPUS,
        "the version before has a pair of this id, with this image and this caption",
    )
