"""Measures of how well a model retrieves and of how well a score finds mismatched pairs."""

from crcl_core.evaluation.detection_metrics import auroc, average_precision, f1_at_true_rate
from crcl_core.evaluation.eccv_caption import (
    DirectionMetrics,
    EccvCaptionMetrics,
    EccvCaptionMissingError,
    coco_test_ids,
    eccv_caption_metrics,
    eccv_caption_metrics_of_embeddings,
)
from crcl_core.evaluation.pair_ranks import PairRanks, rank_pairs, rank_pairs_of_embeddings
from crcl_core.evaluation.recall_in_folds import recall_in_folds, recall_in_folds_of_embeddings
from crcl_core.evaluation.retrieval_metrics import (
    RetrievalMetrics,
    recall_at_k,
    recall_at_k_of_embeddings,
    weighted_recall,
    weighted_recall_of_embeddings,
)

__all__ = [
    "DirectionMetrics",
    "EccvCaptionMetrics",
    "EccvCaptionMissingError",
    "PairRanks",
    "RetrievalMetrics",
    "auroc",
    "average_precision",
    "coco_test_ids",
    "eccv_caption_metrics",
    "eccv_caption_metrics_of_embeddings",
    "f1_at_true_rate",
    "rank_pairs",
    "rank_pairs_of_embeddings",
    "recall_at_k",
    "recall_at_k_of_embeddings",
    "recall_in_folds",
    "recall_in_folds_of_embeddings",
    "weighted_recall",
    "weighted_recall_of_embeddings",
]
