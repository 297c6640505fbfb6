"""Names that the whole library shares: array types, the letters of shapes, and the errors.

Letters in every shape: N pairs, I images, C captions, B batch, D feature width, J joint width, K classes or top-k,
E epochs, R regions, T tokens. This module imports no torch, so that the service can catch the errors cheaply.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
TokenArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]
DoubleArray = npt.NDArray[np.float64]


class CrclError(Exception):
    """Root of what this library raises about the work itself; bad arguments are `ValueError`."""


class DivergedError(CrclError):
    """Training met a loss or a gradient that is not finite.

    Args:
        round_number: Round of the step, counted from 0.
        epoch: Epoch within the round, counted from 0.
        step: Step within the epoch, counted from 0.
        what: What was not finite.
    """

    def __init__(self, round_number: int, epoch: int, step: int, what: str = "the loss") -> None:
        super().__init__(
            f"training diverged: {what} is not finite at round {round_number}, epoch {epoch}, step {step} (from 0)"
        )
        self.round = round_number
        self.epoch = epoch
        self.step = step
        self.what = what

    def __reduce__(self) -> tuple[type["DivergedError"], tuple[int, int, int, str]]:
        # The default would rebuild the error from its message alone, which the signature refuses.
        return (DivergedError, (self.round, self.epoch, self.step, self.what))


class EncoderError(CrclError):
    """An encoder is unknown, its weights are missing or not those that were pinned, or it refused an input."""


class CheckpointError(CrclError):
    """A checkpoint or saved model is missing, damaged, or belongs to another configuration or other features."""


class ModalityUnsupportedError(CrclError):
    """An encoder was asked for a modality that it cannot embed."""


class NotCertifiableError(CrclError):
    """A cleaning cannot be proved: too few images or pairs would be left, or nothing was flagged.

    Args:
        code: `nothing_flagged`, `too_few_images` or `too_few_pairs`.
        detail: One sentence.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail

    def __reduce__(self) -> tuple[type["NotCertifiableError"], tuple[str, str]]:
        return (NotCertifiableError, (self.code, self.detail))
