"""SAF and SGR slowly: one image, one caption, one word at a time, in NumPy, in evaluation mode.

Weights come as a model's state dict in float64, under our names.
"""

from collections.abc import Mapping

import numpy as np

from crcl_core.types import DoubleArray

Weights = Mapping[str, DoubleArray]


def weights_below(weights: Weights, prefix: str) -> Weights:
    """The weights of one part, under the names they have there."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def norm(vector: DoubleArray) -> DoubleArray:
    return np.asarray(vector / (np.sqrt((vector**2).sum()) + 1e-8))


def linear(weights: Weights, name: str, vector: DoubleArray) -> DoubleArray:
    return weights[f"{name}.weight"] @ vector + weights[f"{name}.bias"]


def softmax(logits: DoubleArray) -> DoubleArray:
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def attention(words: DoubleArray, regions: DoubleArray) -> DoubleArray:
    """(T, J) words of one caption, (R, J) regions of one image -> (T, R)."""
    products = np.zeros((len(words), len(regions)))
    for t, word in enumerate(words):
        for r, region in enumerate(regions):
            product = word @ region
            products[t, r] = product if product > 0 else 0.1 * product
    for r in range(len(regions)):
        products[:, r] = norm(products[:, r])
    return np.stack([softmax(9 * row) for row in products])


def nodes(
    weights: Weights, regions: DoubleArray, image: DoubleArray, words: DoubleArray, caption: DoubleArray
) -> DoubleArray:
    """(1 + T, S); `image` and `caption` are the global vectors."""
    found = [norm(linear(weights, "whole", (image - caption) ** 2))]
    for word, shares in zip(words, attention(words, regions), strict=True):
        context = norm(
            sum((share * region for share, region in zip(shares, regions, strict=True)), np.zeros(len(word)))
        )
        found.append(norm(linear(weights, "word", (context - word) ** 2)))
    return np.stack(found)


def image_global(weights: Weights, regions: DoubleArray) -> DoubleArray:
    mean = np.tanh(_normalised(weights, "mean_norm", linear(weights, "mean", regions.mean(axis=0)), slice(None)))
    logits = [
        linear(weights, "attention", np.tanh(_normalised(weights, "local_norm", linear(weights, "local", l), r)) * mean)
        for r, l in enumerate(regions)  # noqa: E741
    ]
    return norm(softmax(np.concatenate(logits)) @ regions)


def caption_global(weights: Weights, words: DoubleArray) -> DoubleArray:
    mean = np.tanh(linear(weights, "mean", words.mean(axis=0)))
    logits = [linear(weights, "attention", np.tanh(linear(weights, "local", word)) * mean) for word in words]
    return norm(softmax(np.concatenate(logits)) @ words)


def filtered(weights: Weights, nodes_of_pair: DoubleArray) -> DoubleArray:
    logits = [_normalised(weights, "attention_norm", linear(weights, "attention", node), 0) for node in nodes_of_pair]
    attention_of_nodes = 1 / (1 + np.exp(-np.concatenate(logits)))
    return norm((attention_of_nodes / (attention_of_nodes.sum() + 1e-8)) @ nodes_of_pair)


def reasoned(weights: Weights, nodes_of_pair: DoubleArray) -> DoubleArray:
    """One step, for all nodes, the queries and keys written out."""
    queries = [linear(weights, "query", node) for node in nodes_of_pair]
    keys = [linear(weights, "key", node) for node in nodes_of_pair]
    heard = [softmax(np.array([query @ key for key in keys])) @ nodes_of_pair for query in queries]
    return np.stack([np.maximum(linear(weights, "update", node), 0) for node in heard])


def score(weights: Weights, vector: DoubleArray) -> float:
    return float(1 / (1 + np.exp(-linear(weights, "score", vector)[0])))


def _normalised(weights: Weights, name: str, values: DoubleArray, place: int | slice) -> DoubleArray:
    """Batch normalisation in evaluation mode, of one place (or of all)."""
    mean, variance = weights[f"{name}.running_mean"][place], weights[f"{name}.running_var"][place]
    return np.asarray(
        (values - mean) / np.sqrt(variance + 1e-5) * weights[f"{name}.weight"][place] + weights[f"{name}.bias"][place]
    )
