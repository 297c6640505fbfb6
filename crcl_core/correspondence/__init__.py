from crcl_core.correspondence.self_refining import CorrespondenceLabels, RefinementPhase, estimate, refinement_phase

__all__ = ["CorrespondenceLabels", "RefinementPhase", "estimate", "refinement_phase"]
