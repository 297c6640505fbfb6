"""Webdataset: members of a tar that share a key, up to the first dot of their base names."""

from collections.abc import Iterable, Iterator
from typing import final

from app.core.models import CorpusFormat
from worker.pipeline.importing.archive import Archive
from worker.pipeline.importing.columns import Columns
from worker.pipeline.importing.formats.format import Match, Strength
from worker.pipeline.importing.formats.samples import Sample, by_first_dot, group_samples, sample_rows
from worker.pipeline.importing.nested_tars import ShardedArchive, find_shards
from worker.pipeline.importing.rows import CaptionRow, FormatRows
from worker.pipeline.importing.source import CorpusSource

_USUAL_SHARE = 0.5  # of the images that have a text


@final
class WebDatasetFormat:
    """One shard, or an archive of shards; those are opened one level deep, in this format and img2dataset's only."""

    name = CorpusFormat.WEBDATASET
    layout = "a tar, or an archive of .tar shards, in which KEY.jpg (png, webp) has a KEY.txt, .caption or .json"

    def recognise(self, source: CorpusSource) -> Match | None:
        """Certain where shards lie in the archive; likely for a tar in which half of the images have a text."""
        shards = find_shards(source)
        if shards:
            # Beside a table the tars may hold its images rather than samples of their own.
            is_alone = not source.with_suffix(".csv", ".tsv", ".jsonl")
            strength = Strength.CERTAIN if is_alone else Strength.LIKELY
            return Match(strength, f"the archive holds {len(shards)} .tar shards", shards)
        samples = group_samples(source.members, by_first_dot).values()
        n_images = sum(bool(sample.images) for sample in samples)
        n_paired = sum(bool(sample.images and sample.texts) for sample in samples)
        if not n_paired:
            return None
        is_usual = source.archive.kind == "tar" and n_paired >= _USUAL_SHARE * n_images
        why = f"{n_paired} of {n_images} keys with an image have a text"
        return Match(Strength.LIKELY if is_usual else Strength.POSSIBLE, why)

    def read(self, source: CorpusSource, match: Match) -> FormatRows:
        """Group the members, and read the text of each key.

        Raises:
            ArchiveRefusedError: a shard is damaged or forbidden.
        """
        archive = ShardedArchive(source, match.files) if match.files else source.archive
        samples = group_samples(archive.members, by_first_dot)
        files: set[str] = set()
        rows = key_rows(archive, samples.values(), files)
        return FormatRows(Columns("image", "caption", "key"), rows, archive, files)


def key_rows(archive: Archive, samples: Iterable[Sample], files: set[str]) -> Iterator[CaptionRow]:
    """The captions of every key that has a text, whether or not it has an image.

    Args:
        archive: where they lie.
        samples: all keys.
        files: the names of texts are added to them.
    """
    for number, sample in enumerate((one for one in samples if one.texts), start=1):
        yield from sample_rows(archive, sample, number, files)
