from crcl_core.correspondence.loss_mixture import low_loss_posterior
from crcl_core.correspondence.self_refining import CorrespondenceLabels, RefinementPhase, estimate, refinement_phase

__all__ = ["CorrespondenceLabels", "RefinementPhase", "estimate", "low_loss_posterior", "refinement_phase"]
