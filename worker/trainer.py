"""The process that computes: `python -m worker.trainer STAGE SPEC.json`.

It knows no database and no queue. It says what it does as JSON lines on its standard output: progress, one `result` or
one `error`. Whoever started it keeps the lease and decides whether it goes on.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Spec = dict[str, Any]  # Any: JSON
Tell = Callable[[dict[str, Any]], None]  # Any: JSON
STAGES = ("features", "checks", "train", "report", "certify", "index")


def main(arguments: list[str]) -> int:
    """Run one stage; returns the exit status."""
    stage, spec_path = arguments
    spec: Spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    tell = _own_output()
    _limit_threads(int(spec.get("n_threads", 0)))
    from app.core.errors import JobFailedError
    from crcl_core.types import CrclError, DivergedError, EncoderError

    try:
        tell({"kind": "result", **_stage(stage)(spec, tell)})
    except DivergedError as error:
        tell({"kind": "error", "code": "diverged", "detail": str(error)})
    except EncoderError as error:
        tell({"kind": "error", "code": "encoder_unavailable", "detail": str(error)})
    except CrclError as error:
        tell({"kind": "error", "code": "method_error", "detail": str(error)})
    except JobFailedError as error:
        tell({"kind": "error", "code": error.code, "detail": error.detail})
    return 0


def _stage(name: str) -> Callable[[Spec, Tell], dict[str, Any]]:  # Any: JSON
    # Each stage imports only what it needs: an index must not wait for torch, nor an encoder for faiss.
    if name == "features":
        from worker.stages.encoding import encode_corpus

        return encode_corpus
    if name == "checks":
        from worker.stages.checking import check_images_and_captions

        return check_images_and_captions
    if name == "train":
        from worker.stages.training import train_corpus

        return train_corpus
    if name == "certify":
        from worker.stages.certifying import certify_corpus

        return certify_corpus
    if name == "report":
        from worker.stages.reporting import report_corpus

        return report_corpus
    if name == "index":
        from worker.stages.indexing import index_corpus

        return index_corpus
    raise ValueError(f"stage {name!r}, expected one of {STAGES}")


def _own_output() -> Tell:
    """Keep standard output for messages alone: what a library prints goes to standard error."""
    output = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)

    def tell(message: dict[str, Any]) -> None:  # Any: JSON
        output.write(json.dumps(message, allow_nan=False) + "\n")

    return tell


def _limit_threads(n_threads: int) -> None:
    """Before the libraries are imported that read these."""
    # Threads that spin while they wait take the core from whoever shares the machine, most of all from one another.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if n_threads:
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[name] = str(n_threads)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
