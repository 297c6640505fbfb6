"""A preflight in lines."""

from mispair.preflight import Preflight, Spread
from mispair.tables import printable

_SAMPLES = 20


def describe_preflight(told: Preflight) -> list[str]:
    """Format, counts, captions, images, run time, examples of what does not join, warnings."""
    captions, images = told.captions, told.images
    lines = [
        describe_format(told),
        (
            f"{told.n_rows} rows, {told.n_joined} with their image ({told.join_rate:.1%}); {told.n_images} images, "
            f"{told.n_images_without_caption} more without a caption, {told.n_other_files} other files"
        ),
        (
            f"captions: {captions.n_distinct} distinct, {captions.n_repeated} at several images; words "
            f"{_told(captions.words)}; captions an image {_told(captions.per_image)}; language "
            f"{captions.main_language or 'unknown'} ({captions.languages.get(captions.main_language or '', 0)} of "
            f"{captions.n_language_sample} looked at)"
        ),
        *(f"  {one.n_images} images: {printable(one.caption)}" for one in captions.most_repeated),
        (
            f"images: {images.n_sampled} looked at, {images.n_unreadable} unreadable; width {_told(images.width)}, "
            f"height {_told(images.height)}"
        ),
        f"a default run takes about {max(1, round(told.estimated_run_s / 60))} min on two CPU cores",
        *(f"{n_rows:>8} {code}" for code, n_rows in sorted(told.faults.items(), key=lambda item: -item[1])),
    ]
    for one in told.samples[:_SAMPLES]:
        place = "" if one.row_number is None else f" row {one.row_number}"
        byte = "" if one.byte_offset is None else f" (byte {one.byte_offset})"
        where = printable(f"{one.source_file or one.source_path or ''}{place}{byte}")
        lines.append(f"  {one.code}: {where}: {printable(one.detail)}")
    return lines + describe_warnings(told)


def describe_format(told: Preflight) -> str:
    """What the archive was taken for, and what else it could be."""
    how = "asked for" if told.format.is_forced else f"recognised: {printable(told.format.why or '')}"
    others = ", ".join(one.name for one in told.format.runners_up)
    return f"format {told.format.name} ({how}){f'; could also be {others}' if others else ''}"


def describe_warnings(told: Preflight) -> list[str]:
    """Warnings, one a line."""
    return [f"warning: {printable(one.detail)} ({one.code})" for one in told.warnings]


def _told(numbers: Spread | None) -> str:
    if numbers is None:
        return "unknown"
    return f"{numbers.min:g} to {numbers.max:g}, median {numbers.median:g}"
