from crcl_core.data.precomp.generated import write_generated_precomp
from crcl_core.data.precomp.split import PrecompSplit, read_precomp
from crcl_core.data.precomp.writer import write_precomp

__all__ = ["PrecompSplit", "read_precomp", "write_generated_precomp", "write_precomp"]
