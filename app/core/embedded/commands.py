"""What the stack starts unless told otherwise: the migration, the workers and the API."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

API_SHUTDOWN_S = 3  # an open event stream would else hold the API for as long as its reader likes


@dataclass(frozen=True)
class WorkerCommand:
    """One worker process.

    Attributes:
        name: what messages and its log file call it.
        command: program (absolute path) and arguments.
        env: what it gets beyond the common environment.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def migration_command() -> tuple[str, ...]:
    """Bring the database to the newest schema."""
    return (sys.executable, "-m", "migrations")


def api_command(host: str, port: int) -> tuple[str, ...]:
    """Serve the API."""
    address = ("--host", host, "--port", str(port))
    limits = ("--timeout-graceful-shutdown", str(API_SHUTDOWN_S))
    quiet = ("--no-server-header", "--no-access-log")  # the service logs every request itself
    return (sys.executable, "-m", "uvicorn", "app.main:create_app", "--factory", *address, *limits, *quiet)


def worker_commands(n_slots: int, gpus: Sequence[str]) -> tuple[WorkerCommand, ...]:
    """The workers of one machine.

    Args:
        n_slots: jobs that run at once on the CPU.
        gpus: one CUDA_VISIBLE_DEVICES value a device.

    Returns:
        Without a GPU one worker for both queues; else one a GPU that trains one run at a time, and one for the rest.
    """
    if not gpus:
        return (WorkerCommand("worker", _celery("worker", "cpu,gpu", n_slots)),)
    cpu_worker = WorkerCommand("worker-cpu", _celery("worker-cpu", "cpu", n_slots), {"CUDA_VISIBLE_DEVICES": ""})
    gpu_workers = [
        WorkerCommand(f"worker-gpu{index}", _celery(f"worker-gpu{index}", "gpu", 1), {"CUDA_VISIBLE_DEVICES": gpu})
        for index, gpu in enumerate(gpus)
    ]
    return (cpu_worker, *gpu_workers)


def _celery(name: str, queues: str, n_slots: int) -> tuple[str, ...]:
    """A prefork pool: its children and their trainings die with a killed worker, which threads do not achieve."""
    what = ("-Q", queues, "-n", f"{name}@%h", "--pool", "prefork", "-c", str(n_slots), "--loglevel", "INFO")
    # The database knows who lives; gossip between workers would only cost messages.
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    return (sys.executable, "-m", "celery", "-A", "worker.celery_app", "worker", *what, *quiet)
