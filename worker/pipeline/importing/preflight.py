"""What can be told of a corpus before any training: what it was taken for, what joins, what its captions are like."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

import numpy as np

from app.core.models import RejectionCode
from crcl_core.checks import MIN_SHIFT_IMAGES, detect_languages, find_caption_shift
from crcl_core.data.captions import normalise_caption
from worker.pipeline.importing.image_sample import ImageSample
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.reading import ReadCorpus
from worker.pipeline.importing.rows import CaptionRow
from worker.pipeline.importing.run_time import estimated_run_s

MIN_JOIN_RATE = 0.9
_SAMPLES_A_CODE = 5
_REPEATED = 5
_LANGUAGE_SAMPLE = 300
_SIZE_SAMPLE = 200
_STRETCH = 500  # images at the start and at the end that are looked at for a shift


@dataclass(frozen=True)
class Candidate:
    """A format that fits, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class FormatFound:
    """The format that the corpus was read in."""

    name: str
    is_forced: bool
    why: str
    runners_up: list[Candidate]


@dataclass(frozen=True)
class Unjoined:
    """A row that cannot be used, or an image without one, as an example."""

    code: str
    detail: str
    source_path: str | None
    source_file: str | None
    row_number: int | None
    byte_offset: int | None


@dataclass(frozen=True)
class Spread:
    """Smallest, median, 95th percentile and largest of some numbers."""

    min: float
    median: float
    p95: float
    max: float


@dataclass(frozen=True)
class RepeatedCaption:
    """A caption that stands at several images."""

    caption: str
    n_images: int


@dataclass(frozen=True)
class CaptionFacts:
    """Captions of the rows whose image was found.

    Attributes:
        n_distinct: apart from case, punctuation and spacing.
        n_repeated: rows whose caption stands at another image too.
        words: per caption.
        per_image: captions per image.
        languages: of a sample, how many captions are in which.
    """

    n_distinct: int
    n_repeated: int
    words: Spread | None
    per_image: Spread | None
    main_language: str | None
    languages: dict[str, int]
    n_language_sample: int
    most_repeated: list[RepeatedCaption]


@dataclass(frozen=True)
class ImageFacts:
    """Sizes in pixels, of a sample."""

    n_sampled: int
    n_unreadable: int
    width: Spread | None
    height: Spread | None


@dataclass(frozen=True)
class Warned:
    """What should be looked at before a run is paid for."""

    code: str
    detail: str


@dataclass(frozen=True)
class Preflight:
    """All of it.

    Attributes:
        join_rate: the share of rows whose image was found; rows that were never downloaded do not count.
    """

    format: FormatFound
    n_rows: int
    n_joined: int
    join_rate: float
    n_images: int
    n_images_without_caption: int
    n_other_files: int
    faults: dict[str, int]
    samples: list[Unjoined]
    captions: CaptionFacts
    images: ImageFacts
    estimated_run_s: float
    warnings: list[Warned]
    needs_confirmation: bool

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        """As it is stored and shown."""
        return asdict(self)


def make_preflight(read: ReadCorpus, sample: ImageSample) -> Preflight:
    """Tell what is known before any training. Looks at no more than some 2,200 images."""
    rows = read.joined.rows
    joined = [(row, name) for row, name in rows if name]
    n_expected = sum(_is_expected(row) for row, _ in rows)
    captions_of: dict[str, list[str]] = {}
    for row, name in joined:
        if row.fault is None:
            captions_of.setdefault(name, []).append(row.caption)
    join_rate = len(joined) / n_expected if n_expected else 0.0
    warnings = [*_join_warnings(join_rate, len(joined), n_expected), *_shift_warnings(sample, captions_of)]
    facts = _caption_facts(captions_of)
    return Preflight(
        format=_format_found(read),
        n_rows=len(rows),
        n_joined=len(joined),
        join_rate=join_rate,
        n_images=len(captions_of),
        n_images_without_caption=len(read.unnamed_images),
        n_other_files=read.n_other_members,
        faults=dict(Counter(_code(row) for row, _ in rows if row.fault is not None)),
        samples=_samples(read),
        captions=facts,
        images=_image_facts(sample, list(captions_of)),
        estimated_run_s=estimated_run_s(
            n_images=len(captions_of),
            n_captions=facts.n_distinct,
            n_pairs=sum(len(captions) for captions in captions_of.values()),
        ),
        warnings=warnings,
        needs_confirmation=bool(warnings),
    )


def _is_expected(row: CaptionRow) -> bool:
    return row.fault is None or row.fault.code != RejectionCode.NOT_DOWNLOADED


def _code(row: CaptionRow) -> str:
    assert row.fault is not None
    return row.fault.code.value


def _format_found(read: ReadCorpus) -> FormatFound:
    found = read.recognition
    others = [Candidate(other.name.value, other.why) for other in found.runners_up]
    return FormatFound(found.format.name.value, found.is_forced, found.match.why, others)


def _join_warnings(join_rate: float, n_joined: int, n_expected: int) -> Iterable[Warned]:
    if join_rate < MIN_JOIN_RATE:
        yield Warned(
            "low_join_rate",
            f"only {n_joined} of {n_expected} rows found their image ({join_rate:.1%}); the samples say why",
        )


def _shift_warnings(sample: ImageSample, captions_of: dict[str, list[str]]) -> Iterable[Warned]:
    """By row and by sorted name, at the start and at the end: a table may be wrong from some row on."""
    names = list(captions_of)
    in_order = sorted(names)
    orders = {"in the order of the rows": names} | ({} if in_order == names else {"sorted by name": in_order})
    ends = {
        told: order if len(order) <= 2 * _STRETCH else [*order[:_STRETCH], *order[-_STRETCH:]]
        for told, order in orders.items()
    }
    row_of = {name: row for row, name in enumerate(dict.fromkeys(chain.from_iterable(ends.values())))}
    thumbnails = sample.thumbnails(list(row_of))  # each once, however many orders look at it
    for told, looked_at in ends.items():
        pixels = thumbnails[[row_of[name] for name in looked_at]]
        texts = [" ".join(captions_of[name]) for name in looked_at]
        for window in _windows(len(looked_at)):
            shift = find_caption_shift(pixels[window], texts[window])
            if shift is not None:
                first, last = (printable(looked_at[window][end]) for end in (0, -1))
                yield Warned(
                    "shifted_captions",
                    f"between {first} and {last}, {told}, captions fit the image "
                    f"{abs(shift.offset)} further {'on' if shift.offset > 0 else 'back'} better than their own",
                )
                return


def _windows(n_images: int) -> list[slice]:
    """The whole, its halves and its quarters, where these are long enough to tell anything."""
    parts = [n_parts for n_parts in (1, 2, 4) if n_images // n_parts >= MIN_SHIFT_IMAGES]
    return [
        slice(part * n_images // n_parts, (part + 1) * n_images // n_parts)
        for n_parts in parts
        for part in range(n_parts)
    ]


def _samples(read: ReadCorpus) -> list[Unjoined]:
    """The first few of each reason."""
    found: list[Unjoined] = []
    seen: Counter[str] = Counter()
    for row, _ in read.joined.rows:
        if row.fault is None or seen[_code(row)] >= _SAMPLES_A_CODE:
            continue
        seen[_code(row)] += 1
        path = None if row.image is None else printable(row.image)
        file = printable(row.file) or None
        found.append(Unjoined(_code(row), row.fault.detail, path, file, row.number, row.byte_offset))
    for name in read.unnamed_images[:_SAMPLES_A_CODE]:
        code = RejectionCode.NO_CAPTION_FOR_IMAGE.value
        found.append(Unjoined(code, "no caption names this image", printable(name), None, None, None))
    return found


def _caption_facts(captions_of: dict[str, list[str]]) -> CaptionFacts:
    images_of: dict[str, set[str]] = {}
    texts: dict[str, str] = {}
    n_repeated: Counter[str] = Counter()
    n_words: list[int] = []
    for name, captions in captions_of.items():
        for caption in captions:
            key = normalise_caption(caption)
            images_of.setdefault(key, set()).add(name)
            texts.setdefault(key, caption)
            n_repeated[key] += 1
            n_words.append(len(caption.split()))
    repeated = sorted((key for key in images_of if len(images_of[key]) > 1), key=lambda key: -len(images_of[key]))
    language_sample = _spaced(list(texts.values()), _LANGUAGE_SAMPLE)
    language = detect_languages(language_sample)
    return CaptionFacts(
        n_distinct=len(texts),
        n_repeated=sum(n_repeated[key] for key in repeated),
        words=_spread(n_words),
        per_image=_spread([len(captions) for captions in captions_of.values()]),
        main_language=language.main,
        languages=language.counts,
        n_language_sample=len(language_sample),
        most_repeated=[RepeatedCaption(printable(texts[key]), len(images_of[key])) for key in repeated[:_REPEATED]],
    )


def _image_facts(sample: ImageSample, names: Sequence[str]) -> ImageFacts:
    looked_at = _spaced(names, _SIZE_SAMPLE)
    sizes = sample.sizes(looked_at)
    return ImageFacts(
        n_sampled=len(looked_at),
        n_unreadable=len(looked_at) - len(sizes),
        width=_spread([width for width, _ in sizes]),
        height=_spread([height for _, height in sizes]),
    )


def _spaced(items: Sequence[str], n_items: int) -> list[str]:
    """At most so many items, evenly spaced."""
    step = max(1, -(-len(items) // n_items))
    return list(items[::step])


def _spread(numbers: Sequence[int]) -> Spread | None:
    if not numbers:
        return None
    least, median, high, most = np.percentile(numbers, (0, 50, 95, 100))
    return Spread(float(least), float(median), float(high), float(most))
