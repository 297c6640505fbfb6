"""Proof that cleaning helps: one recipe on raw, cleaned and randomly dropped data, and hashes of what decided it."""

from crcl_core.certification.certificate import ArmResult, Certificate, SeedResult, Spread, Verdict
from crcl_core.certification.certify import CertificationProgress, Detector, certify
from crcl_core.certification.chart import draw_chart
from crcl_core.certification.config import DEFAULT_SEEDS, CertificationConfig
from crcl_core.certification.split import Arm, CertificationSplit, split_pairs

__all__ = [
    "DEFAULT_SEEDS",
    "Arm",
    "ArmResult",
    "Certificate",
    "CertificationConfig",
    "CertificationProgress",
    "CertificationSplit",
    "Detector",
    "SeedResult",
    "Spread",
    "Verdict",
    "certify",
    "draw_chart",
    "split_pairs",
]
