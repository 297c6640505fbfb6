"""Corpora with known truth: painted pictures, captions that fit them, and planted mismatches of named kinds."""

from crcl_core.synthetic.archive import TruthRow, read_truth, write_archive, write_truth
from crcl_core.synthetic.caption_writer import Caption, CaptionStyle, write_caption
from crcl_core.synthetic.claims import Claims, GroupClaim, n_contradictions
from crcl_core.synthetic.composition import DEFAULT_MISMATCHES, render_corpus, render_demo_corpus
from crcl_core.synthetic.corpus import MismatchKind, SyntheticCorpus, SyntheticImage, SyntheticPair
from crcl_core.synthetic.renderer import ImageFormat, encode_image, render_scene
from crcl_core.synthetic.scene_sampler import sample_scene

__all__ = [
    "DEFAULT_MISMATCHES",
    "Caption",
    "CaptionStyle",
    "Claims",
    "GroupClaim",
    "ImageFormat",
    "MismatchKind",
    "SyntheticCorpus",
    "SyntheticImage",
    "SyntheticPair",
    "TruthRow",
    "encode_image",
    "n_contradictions",
    "read_truth",
    "render_corpus",
    "render_demo_corpus",
    "render_scene",
    "sample_scene",
    "write_archive",
    "write_caption",
    "write_truth",
]
