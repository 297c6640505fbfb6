import os
import subprocess
import sys


def test_the_processes_that_wait_for_work_hold_no_learning_library() -> None:
    """A training has a process of its own; what starts with every worker would cost each seconds and half a GiB."""
    heavy = ("torch", "sklearn", "faiss", "onnxruntime")
    program = (
        "import sys, worker.tasks.import_corpus, worker.tasks.run_cleaning\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert ended.stdout.strip() == "[]"
