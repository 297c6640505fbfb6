"""The data sets and models of the paper's tables."""

from enum import StrEnum

from crcl_core.models import ModelKind


class PaperDataset(StrEnum):
    """The data sets, by the names that the official codes give their folders."""

    F30K = "f30k"  # Flickr30K
    COCO = "coco"  # MS-COCO
    CC152K = "cc152k"  # Conceptual Captions, a part; its mismatches are real ones.

    @property
    def folder_name(self) -> str:
        """Name of the folder of features, as in the official codes."""
        return f"{self.value}_precomp"

    @property
    def n_training_pairs(self) -> int:
        """Captions of the official training split."""
        return {PaperDataset.F30K: 145_000, PaperDataset.COCO: 566_435, PaperDataset.CC152K: 150_000}[self]

    @property
    def test_split(self) -> str:
        """The split that the tables report: all 5,000 test images of MS-COCO, of which "test" holds the first 1,000."""
        return "testall" if self is PaperDataset.COCO else "test"

    @property
    def has_real_noise(self) -> bool:
        """Whether the pairs are as they were found on the web, so that none is exchanged and no mismatch is known."""
        return self is PaperDataset.CC152K


class PaperModel(StrEnum):
    """What fills a row of the tables."""

    VSE_INFTY = "vse_infty"
    SAF = "saf"
    SGR = "sgr"
    SGRAF = "sgraf"  # Mean similarity of a SAF and an SGR that were trained apart.
    HEADS = "heads"  # Not in the paper: over mean regions and an encoder's caption vectors.

    @property
    def kinds(self) -> tuple[ModelKind, ...]:
        """The models to train, one after the other."""
        return (ModelKind.SAF, ModelKind.SGR) if self is PaperModel.SGRAF else (ModelKind(self.value),)
