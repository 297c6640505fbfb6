import dataclasses

import numpy as np

from crcl_core.evaluation import RetrievalMetrics
from crcl_core.paper import PaperDataset, PaperModel, PaperResult, PaperRow, load_settings, markdown_lines
from crcl_core.paper.figures import DetectionFigures
from crcl_core.paper.training_noise import NoiseProtocol, TrainingNoise

METRICS = RetrievalMetrics(
    image_to_text_r1=70.0,
    image_to_text_r5=90.0,
    image_to_text_r10=95.04,
    image_to_text_median_rank=1.0,
    image_to_text_mean_rank=3.25,
    text_to_image_r1=50.0,
    text_to_image_r5=80.0,
    text_to_image_r10=90.0,
    text_to_image_median_rank=1.5,
    text_to_image_mean_rank=7.0,
)
CHOICE = "by 5000 of the 145000 training pairs, left out of the last round"
RESULT = PaperResult(
    dataset=PaperDataset.F30K,
    model=PaperModel.SGRAF,
    settings=load_settings(PaperDataset.F30K, PaperModel.SGRAF),
    noise=TrainingNoise(np.zeros(4, np.int64), np.zeros(4, np.bool_), 0.4, NoiseProtocol.CAPTION_LEVEL),
    noise_seed=1234,
    seed=0,
    n_pairs=145_000,
    n_held_out=5_000,
    official_vocabulary=None,
    rows=(
        PaperRow(
            model=PaperModel.SGRAF,
            retrieval={"test": METRICS},
            detection=DetectionFigures(auroc=0.9876, average_precision=0.9, f1_at_true_rate=0.8),
        ),
    ),
    seconds=1.0,
)


class TestMarkdownLines:
    def test_a_row_has_the_figures_and_the_published_one(self) -> None:
        header, rule, row = list(markdown_lines(RESULT))[:3]
        assert row == (
            "| Flickr30K | 40% caption-level | CRCL-SGRAF | 70.0 | 90.0 | 95.0 | 50.0 | 80.0 | 90.0 | 475.0 | 505.2 "
            "| 1 / 1.5 | 3.2 / 7.0 | 0.988 | 0.900 |"
        )
        assert header.count("|") == rule.count("|") == row.count("|")

    def test_the_notes_say_what_to_know_before_comparing(self) -> None:
        assert list(markdown_lines(RESULT))[3:] == [
            "",
            "- Settings: Qin et al., NeurIPS 2023 (arXiv 2310.17468), and its official code.",
            "- Not in the paper: mask_siblings = true, validation_ratio = 0.05.",
            f"- Choice of the model: {CHOICE}. The official code chooses on the dev split.",
            "- Vocabulary: built, words that stand 4 times or more.",
            "- Published rSum: Qin et al., NeurIPS 2023; recalled, each sum re-added, not yet compared with the PDF.",
        ]

    def test_a_baseline_has_its_own_name_and_no_published_figure(self) -> None:
        settings = RESULT.settings.changed_to({"objective": "info_nce"})
        lines = list(markdown_lines(dataclasses.replace(RESULT, settings=settings)))
        assert "| InfoNCE-SGRAF |" in lines[2]
        assert "| 475.0 | - |" in lines[2]
        assert not any("Published" in line for line in lines[3:])

    def test_unconfirmed_settings_are_named_with_their_values(self) -> None:
        settings = load_settings(PaperDataset.COCO, PaperModel.SAF)
        lines = list(markdown_lines(dataclasses.replace(RESULT, dataset=PaperDataset.COCO, settings=settings)))
        assert "- Unconfirmed: round_epochs = 2,2,2,20, lr_decay_epochs = 10." in lines

    def test_without_known_mismatches_there_is_no_detection(self) -> None:
        noise = TrainingNoise(np.zeros(4, np.int64), None, 0.0, NoiseProtocol.REAL)
        rows = (dataclasses.replace(RESULT.rows[0], detection=None),)
        row = list(markdown_lines(dataclasses.replace(RESULT, noise=noise, rows=rows)))[2]
        assert "| real |" in row
        assert row.endswith("| - | - |")
