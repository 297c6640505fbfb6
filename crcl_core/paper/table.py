"""A result as Markdown: the rows of the paper's table, and below them what to know before comparing."""

from collections.abc import Iterator
from typing import Final

from crcl_core.paper.benchmark import PaperDataset, PaperModel
from crcl_core.paper.published import SOURCE
from crcl_core.paper.result import PaperResult, PaperRow
from crcl_core.paper.training_noise import NoiseProtocol
from crcl_core.training import Objective

_DATASETS: Final = {PaperDataset.F30K: "Flickr30K", PaperDataset.COCO: "MS-COCO", PaperDataset.CC152K: "CC152K"}
_MODELS: Final = {
    PaperModel.VSE_INFTY: "VSE-infinity",
    PaperModel.SAF: "SAF",
    PaperModel.SGR: "SGR",
    PaperModel.SGRAF: "SGRAF",
    PaperModel.HEADS: "heads",
}
_HEADERS: Final = (
    "test set",
    "noise",
    "model",
    "image to text R@1",
    "R@5",
    "R@10",
    "text to image R@1",
    "R@5",
    "R@10",
    "rSum",
    "published rSum",
    "median ranks",
    "mean ranks",
    "AUROC",
    "AP",
)


def markdown_lines(result: PaperResult) -> Iterator[str]:
    """Yields the table and the notes below it.

    Ranks are image to text / text to image. AUROC and average precision are those of the labels against the planted
    mismatches.
    """
    yield _line(_HEADERS)
    yield _line("---" for _ in _HEADERS)
    for row in result.rows:
        for test_set in row.retrieval:
            yield _line(_cells(result, row, test_set))
    yield ""
    for note in _notes(result):
        yield f"- {note}"


def _line(cells: Iterator[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(result: PaperResult, row: PaperRow, test_set: str) -> Iterator[str]:
    metrics = row.retrieval[test_set]
    yield _DATASETS[result.dataset] + ("" if test_set == "test" else f" {test_set}")
    yield _noise(result)
    yield f"{_objective(result)}-{_MODELS[row.model]}"
    yield from (f"{value:.1f}" for value in (metrics.image_to_text_r1, metrics.image_to_text_r5))
    yield f"{metrics.image_to_text_r10:.1f}"
    yield from (f"{value:.1f}" for value in (metrics.text_to_image_r1, metrics.text_to_image_r5))
    yield f"{metrics.text_to_image_r10:.1f}"
    yield f"{metrics.r_sum:.1f}"
    published = result.published(row, test_set)
    yield "-" if published is None else f"{published:.1f}"
    yield f"{metrics.image_to_text_median_rank:g} / {metrics.text_to_image_median_rank:g}"
    yield f"{metrics.image_to_text_mean_rank:.1f} / {metrics.text_to_image_mean_rank:.1f}"
    found = row.detection
    yield "-" if found is None else f"{found.auroc:.3f}"
    yield "-" if found is None else f"{found.average_precision:.3f}"


def _notes(result: PaperResult) -> Iterator[str]:
    settings = result.settings
    yield f"Settings: {settings.source}."
    for label, names in (
        ("Unconfirmed", settings.unconfirmed),
        ("Not in the paper", settings.not_in_paper),
        ("Changed for this run", settings.changed),
    ):
        if names:
            yield f"{label}: {', '.join(f'{name} = {_plain(settings.values[name])}' for name in names)}."
    if result.n_held_out:
        chosen = f"by {result.n_held_out} of the {result.n_pairs} training pairs, left out of the last round"
    else:
        chosen = f"none: the last epoch is taken, no pair of the {result.n_pairs} was left out"
    yield f"Choice of the model: {chosen}. The official code chooses on the dev split."
    if result.model is not PaperModel.HEADS:
        vocabulary = result.official_vocabulary or f"built, words that stand {settings.min_word_count} times or more"
        yield f"Vocabulary: {vocabulary}."
    if any(result.published(row, test_set) is not None for row in result.rows for test_set in row.retrieval):
        yield f"Published rSum: {SOURCE}."
    if result.n_pairs != result.dataset.n_training_pairs:
        yield (
            f"Trained on {result.n_pairs} pairs, where the paper has {result.dataset.n_training_pairs}: "
            "no figure of the paper compares."
        )


def _noise(result: PaperResult) -> str:
    noise = result.noise
    if noise.protocol in {NoiseProtocol.REAL, NoiseProtocol.NONE}:
        return noise.protocol.value
    return f"{noise.ratio:.0%} {noise.protocol.value.replace('_', '-')}"


def _objective(result: PaperResult) -> str:
    objective = Objective(result.settings.values.get("objective", Objective.CRCL))
    return {Objective.CRCL: "CRCL", Objective.INFO_NCE: "InfoNCE", Objective.TRIPLET: "triplet"}[objective]


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else f"{value}"
