"""How well a trained model retrieves on a clean corpus."""

from crcl_core.data import PairFeatures
from crcl_core.evaluation import recall_at_k, recall_at_k_of_embeddings
from crcl_core.models import EmbeddingModel, MatchingModel
from crcl_core.training import embed_captions, embed_images, similarity_matrix


def r_sum_on(corpus: PairFeatures, model: MatchingModel) -> float:
    """Recall at 1, 5 and 10 both ways, summed, over all images and captions of the corpus."""
    if isinstance(model, EmbeddingModel):
        images = embed_images(model, corpus.image_features)
        captions = embed_captions(model, corpus.caption_features)
        return recall_at_k_of_embeddings(images, captions, corpus.image_index, corpus.caption_index).r_sum
    similarities = similarity_matrix(model, corpus.image_features, corpus.caption_features)
    return recall_at_k(similarities, corpus.image_index, corpus.caption_index).r_sum
