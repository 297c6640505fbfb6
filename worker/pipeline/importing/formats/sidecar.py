"""A text beside each image: `dog.png` with `dog.txt`, `dog.caption` or `dog.json`."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import final

from app.core.models import CorpusFormat
from worker.pipeline.importing.columns import Columns
from worker.pipeline.importing.formats.format import Match, Strength
from worker.pipeline.importing.formats.samples import Sample, by_last_dot, group_samples, sample_rows
from worker.pipeline.importing.rows import CaptionRow, FormatRows
from worker.pipeline.importing.source import CorpusSource

_USUAL_SHARE = 0.5  # of the images that have a text, from which on the layout is meant and no chance
_NO_CAPTION = re.compile(r"(readme|licen[cs]e|notice|copying|changelog|classes|requirements)", re.IGNORECASE)


@final
class SidecarFormat:
    """Folders in which images have a text of the same name."""

    name = CorpusFormat.SIDECAR
    layout = "images, each with its caption in a .txt, .caption or .json of the same name in the same folder"

    def recognise(self, source: CorpusSource) -> Match | None:
        """Likely where half of the images have a text."""
        samples = group_samples(source.members, by_last_dot)
        n_images = sum(bool(sample.images) for sample in samples.values())
        n_paired = sum(bool(sample.images and sample.texts) for sample in samples.values())
        if not n_paired:
            return None
        strength = Strength.LIKELY if n_paired >= _USUAL_SHARE * n_images else Strength.POSSIBLE
        return Match(strength, f"{n_paired} of {n_images} images have a text of the same name in their folder")

    def read(self, source: CorpusSource, match: Match) -> FormatRows:  # noqa: ARG002 - nothing was chosen
        """Read the text beside each image."""
        samples = group_samples(source.members, by_last_dot)
        files: set[str] = set()
        return FormatRows(Columns("image", "caption", None), _rows(source, samples, files), source.archive, files)


def _rows(source: CorpusSource, samples: Mapping[str, Sample], files: set[str]) -> Iterator[CaptionRow]:
    folders = {posixpath.dirname(key) for key, sample in samples.items() if sample.images and sample.texts}
    number = 0
    for key, sample in samples.items():
        if sample.texts and (sample.images or _is_caption_without_image(key, sample, folders)):
            number += 1
            yield from sample_rows(source.archive, sample, number, files)


def _is_caption_without_image(key: str, sample: Sample, folders: set[str]) -> bool:
    """A text among captions that names no image by its name: a caption whose image is missing, unless it is a note."""
    is_text = ".txt" in sample.texts or ".caption" in sample.texts
    return is_text and posixpath.dirname(key) in folders and not _NO_CAPTION.match(posixpath.basename(key))
