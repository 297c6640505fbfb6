"""The OpenAPI document against the running service, by schemathesis: nobody on this project wrote its checks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.embedded import EmbeddedServers
from tests.app.live_service import ApiProcess, deployed

_CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.system
@pytest.mark.timeout(300)
def test_every_answer_is_one_that_the_document_promises(
    servers: EmbeddedServers, template_database: str, tmp_path: Path
) -> None:
    with deployed(servers, template_database, tmp_path, "mispair_contract") as deployment:
        api = ApiProcess(deployment)
        api.start()
        try:
            ended = _run(api.url, deployment.key, tmp_path)
        finally:
            api.stop()
    assert ended.returncode == 0, ended.stdout[-20_000:]


def _run(url: str, key: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(_CONFIG), "run", f"{url}/openapi.json"),
        *("--header", f"Authorization: Bearer {key}", "--phases", "coverage,fuzzing", "--no-color"),
    ]
    root = Path(__file__).parents[2]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.app.schemathesis_hooks", "PYTHONPATH": str(root)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
