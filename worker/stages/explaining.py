"""What exactly is wrong with each suspect pair, and which groups of pairs cause most of it: a part of `report`."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final
from urllib.parse import urlsplit

import numpy as np

from crcl_core.detection import HeldOutEmbeddings
from crcl_core.explanation import (
    EXPLAINED_BELOW,
    Evidence,
    Explanation,
    GroupColumn,
    MisplacedBlock,
    caption_columns,
    causes,
    evidence_of_texts,
    explain,
    find_better,
    folder_columns,
    pairs_in_blocks,
    round_estimates,
    suspect_pairs,
    uncertain_pairs,
)
from crcl_core.types import BoolArray, FloatArray, IntArray
from worker.stages.explain_progress import ExplainProgress
from worker.stages.repairing import BLOCKS
from worker.stages.word_evidence import evidence_of_words
from worker.trainer import Spec, Tell

# Multiply-adds of the searches. On two cores it is a few minutes; a corpus of 30,000 pairs takes a twentieth of it.
_SEARCH_BUDGET = 5e12
_SEARCH_BUDGET_ON_GPU = 5e14
_MAX_EXTRA_COLUMNS = 50
_SEARCHED = 0.5  # of the stage

REASONS = "reasons.jsonl"


def explain_corpus(spec: Spec, tell: Tell) -> dict[str, Any]:  # Any: JSON
    """Explain the pairs below a correspondence of 0.5, or below the run's threshold where that is higher.

    Writes `reasons.jsonl`, a line for each pair that has a reason: `pair` (ordinal), `reason_code`, `evidence`,
    `best_caption` (text), `best_caption_correspondence`, `repair_image` (ordinal of an image). Without held-out
    embeddings only captions are looked at, and most pairs get no reason.

    Args:
        spec: `out`, the folder of what the stage `train` left, with `pairs.npz` (`image_index`, `caption_index`,
            `correspondence`), and, if blocks were found, with `misplaced_blocks.json`, a list of `first`, `last`,
            `offset`; `texts`, the distinct captions, a JSON string a line; `sources`, a JSON list of row number, source
            path, extra columns, number of the import and file of captions a line and pair; `languages`, a JSON list of
            the language of each distinct caption, which may be empty; `threshold`, `round_epochs`, `warmup_epochs`,
            `momentum`; and what `evidence_of_words` reads.
        tell: gets progress.

    Returns:
        `reasons`, how many pairs below the threshold have which; `causes`, see `crcl_core.explanation.causes`.
    """
    corpus = _Corpus.read(spec)
    suspects = suspect_pairs(corpus.correspondence, below=max(EXPLAINED_BELOW, spec["threshold"]))
    found = evidence_of_texts(
        suspects,
        corpus.captions,
        corpus.image_index,
        corpus.caption_index,
        corpus.correspondence,
        source_paths=corpus.paths,
    )
    held_out = HeldOutEmbeddings.load(Path(spec["out"]))
    if held_out is None:
        explanations = explain(np.array(sorted(set().union(*found)), dtype=np.int64), found)
    else:
        explanations = _with_models(spec, tell, corpus, suspects, found, held_out)
    _write(Path(spec["out"]) / REASONS, corpus, explanations)
    is_flagged = corpus.correspondence < np.float32(spec["threshold"])
    return {
        "reasons": _counts(explanations, is_flagged),
        "causes": [
            cause.to_json()
            for cause in causes(list(_columns(corpus)), 1.0 - corpus.correspondence.astype(np.float64), is_flagged)
        ],
    }


@final
@dataclass(frozen=True, eq=False)
class _Corpus:
    """N pairs: their links, what was found on them, the distinct captions, paths and extra columns."""

    image_index: IntArray
    caption_index: IntArray
    correspondence: FloatArray
    captions: list[str]
    row_numbers: list[int]
    paths: list[str]
    extra: list[dict[str, Any] | None]  # Any: JSON
    languages: list[str | None]
    files: list[str | None]

    @classmethod
    def read(cls, spec: Spec) -> "_Corpus":
        with np.load(Path(spec["out"]) / "pairs.npz", allow_pickle=False) as pairs:
            image_index, caption_index = pairs["image_index"], pairs["caption_index"]
            correspondence = pairs["correspondence"]
        sources = list(_json_lines(spec["sources"]))
        return cls(
            image_index,
            caption_index,
            correspondence,
            captions=list(_json_lines(spec["texts"])),
            row_numbers=[source[0] for source in sources],
            paths=[source[1] for source in sources],
            extra=[source[2] for source in sources],
            files=[_import_file(*source[3:]) for source in sources],
            languages=json.loads(Path(spec["languages"]).read_text(encoding="utf-8")),
        )


def _with_models(
    spec: Spec,
    tell: Tell,
    corpus: _Corpus,
    suspects: IntArray,
    found: list[dict[int, Evidence]],
    held_out: HeldOutEmbeddings,
) -> list[Explanation]:
    searched = suspects[: _n_searched(corpus, held_out, spec["device"])]
    # The few sure pairs that a search learns from are not counted.
    progress = ExplainProgress(tell, 2 * len(searched), begins=0.0, ends=_SEARCHED)
    better = find_better(
        held_out,
        corpus.image_index,
        corpus.caption_index,
        corpus.correspondence,
        searched,
        device=spec["device"],
        on_block=progress.add,
    )
    kinds = [*found, _in_blocks(Path(spec["out"])), _uncertain(spec, suspects)]
    so_far = explain(suspects, kinds, better, searched=searched.tolist())
    words: Mapping[int, Evidence] = evidence_of_words(
        spec, tell, so_far, corpus.captions, corpus.image_index, corpus.caption_index, begins=_SEARCHED
    )
    return explain(suspects, [*kinds, words], better, searched=searched.tolist()) if words else so_far


def _n_searched(corpus: _Corpus, held_out: HeldOutEmbeddings, device: str) -> int:
    n_compared = held_out.images.shape[1] + held_out.captions.shape[1]
    budget = _SEARCH_BUDGET if device == "cpu" else _SEARCH_BUDGET_ON_GPU
    return min(len(corpus.correspondence), int(budget / max(1, n_compared * held_out.images.shape[2])))


@final
@dataclass(frozen=True)
class _Block:
    first: int
    last: int
    offset: int


def _in_blocks(out: Path) -> dict[int, Evidence]:
    path = out / BLOCKS
    if not path.exists():
        return {}
    blocks: list[MisplacedBlock] = [
        _Block(block["first"], block["last"], block["offset"]) for block in json.loads(path.read_text(encoding="utf-8"))
    ]
    return pairs_in_blocks(blocks)


def _uncertain(spec: Spec, suspects: IntArray) -> Mapping[int, Evidence]:
    with np.load(Path(spec["out"]) / "labels.npz", allow_pickle=False) as labels:
        history = labels["history"]
    lengths = [spec["warmup_epochs"] + n_epochs for n_epochs in spec["round_epochs"]]
    return uncertain_pairs(round_estimates(history, lengths, momentum=spec["momentum"], pairs=suspects), suspects)


def _columns(corpus: _Corpus) -> Iterator[GroupColumn]:
    yield from folder_columns(corpus.paths)
    yield from caption_columns(corpus.captions, corpus.caption_index)
    yield GroupColumn.of("import_file", corpus.files)
    if corpus.languages:
        languages = [corpus.languages[caption] for caption in corpus.caption_index.tolist()]
        yield GroupColumn.of("caption_language", languages)
    names = dict.fromkeys(name for extra in corpus.extra if extra for name in extra)
    for name in list(names)[:_MAX_EXTRA_COLUMNS]:
        yield GroupColumn.of(f"column:{name}", (_plain((extra or {}).get(name)) for extra in corpus.extra))


def _import_file(import_number: int, file: str | None) -> str:
    """A table of one import; another archive may have one of the same name."""
    return f"version {import_number}" if file is None else f"version {import_number}: {file}"


def _plain(value: Any) -> str | None:  # Any: JSON
    """A value that can name a group; an object, a list or an empty text cannot. Of an address it is the host."""
    if isinstance(value, str):
        return _host(value) or value.strip() or None
    return str(value) if isinstance(value, bool | int | float) else None


def _host(text: str) -> str | None:
    if not text.startswith(("http://", "https://")):
        return None
    try:
        return urlsplit(text).hostname
    except ValueError:  # such as a bracket that is not closed
        return None


def _counts(explanations: Iterable[Explanation], is_flagged: BoolArray) -> dict[str, int]:
    codes = Counter(found.reason.code.value for found in explanations if is_flagged[found.pair])
    return dict(sorted(codes.items(), key=lambda item: (-item[1], item[0])))


def _write(path: Path, corpus: _Corpus, explanations: Iterable[Explanation]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for found in explanations:
            caption, image = found.better_caption, found.better_image
            row = {
                "pair": found.pair,
                "reason_code": found.reason.code.value,
                "evidence": _told(found.to_json(), corpus),
                "best_caption": None if caption is None else corpus.captions[caption.caption],
                "best_caption_correspondence": None if caption is None else caption.correspondence,
                "repair_image": None if image is None else image.image,
            }
            file.write(json.dumps(row, allow_nan=False) + "\n")


def _told(evidence: dict[str, Any], corpus: _Corpus) -> dict[str, Any]:  # Any: JSON
    """The evidence in the user's terms: captions as text, and the rows of the manifest for the ends of blocks."""
    told: dict[str, Any] = {}
    for name, value in evidence.items():
        if name == "runner_up":
            told[name] = _told(value, corpus)
        elif name == "caption":
            told[name] = corpus.captions[value]
        elif name.endswith(("first_pair", "last_pair")):
            told[name.replace("_pair", "_row")] = corpus.row_numbers[value]
        else:
            told[name] = value
    return told


def _json_lines(path: str) -> Iterator[Any]:  # Any: JSON
    with Path(path).open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
