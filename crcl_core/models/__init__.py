from crcl_core.models.heads import MatchingHeads, ProjectionHead, ResidualHead, build_heads

__all__ = ["MatchingHeads", "ProjectionHead", "ResidualHead", "build_heads"]
