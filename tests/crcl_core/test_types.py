import pickle
import subprocess
import sys

from crcl_core.types import CrclError, DivergedError


class TestDivergedError:
    def test_says_where(self) -> None:
        error = DivergedError(1, 2, 3)
        assert str(error) == "training diverged: the loss is not finite at round 1, epoch 2, step 3 (from 0)"

    def test_survives_the_way_to_another_process(self) -> None:
        copy = pickle.loads(pickle.dumps(DivergedError(1, 2, 3, "the gradient")))  # noqa: S301 - our own bytes
        assert (copy.round, copy.epoch, copy.step, copy.what) == (1, 2, 3, "the gradient")
        assert isinstance(copy, CrclError)


def test_types_do_not_import_torch() -> None:
    code = "import sys, crcl_core.types; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
