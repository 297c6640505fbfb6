from pathlib import Path

from app.core.embedded import WorkerCommand
from app.core.embedded.commands import api_command, worker_commands


def _queues(worker: WorkerCommand) -> str:
    return worker.command[worker.command.index("-Q") + 1]


def _slots(worker: WorkerCommand) -> str:
    return worker.command[worker.command.index("-c") + 1]


class TestWorkerCommands:
    def test_without_a_gpu_one_worker_takes_both_queues(self) -> None:
        (worker,) = worker_commands(3, ())
        assert (worker.name, _queues(worker), _slots(worker), worker.env) == ("worker", "cpu,gpu", "3", {})

    def test_every_gpu_has_a_worker_that_trains_one_run(self) -> None:
        workers = worker_commands(3, ("0", "MIG-1"))
        assert [(worker.name, _queues(worker), _slots(worker), worker.env) for worker in workers] == [
            ("worker-cpu", "cpu", "3", {"CUDA_VISIBLE_DEVICES": ""}),
            ("worker-gpu0", "gpu", "1", {"CUDA_VISIBLE_DEVICES": "0"}),
            ("worker-gpu1", "gpu", "1", {"CUDA_VISIBLE_DEVICES": "MIG-1"}),
        ]

    def test_the_program_is_an_absolute_path(self) -> None:
        assert Path(worker_commands(1, ())[0].command[0]).is_absolute()


class TestApiCommand:
    def test_it_listens_where_it_is_told(self) -> None:
        command = " ".join(api_command("::1", 8123))
        assert "--host ::1 --port 8123" in command
