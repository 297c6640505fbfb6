"""Four images and what they are said to be."""

CAPTIONS = [
    ["a red thing", "something warm"],
    ["a green thing", "a red thing"],
    ["a blue thing"],
    ["a yellow thing", "the sun"],
]
CORRESPONDENCE = [0.9, 0.2, 0.8, 0.1, 0.7, 0.6, 0.4]  # by pair
