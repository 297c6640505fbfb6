import json
import subprocess
import sys
from typing import Any

SCRIPT = """
import logging, structlog
from app.core.logging import configure_logging
configure_logging()
structlog.get_logger().info("run.finished", run_id="r", n_pairs=3)
logging.getLogger("library").warning("disk %s", "full")
logging.getLogger("library").debug("noise")
try:
    secret = "ses" + "ame"
    raise ValueError("broken")
except ValueError:
    structlog.get_logger().exception("run.failed")
"""


def _lines() -> list[dict[str, Any]]:  # Any: JSON
    # A process of its own, because logging is configured for a whole process.
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    return [json.loads(line) for line in ran.stderr.splitlines()]


class TestConfigureLogging:
    def test_every_line_is_an_event_with_its_fields(self) -> None:
        event, library, failure = _lines()
        assert (event["event"], event["run_id"], event["n_pairs"], event["level"]) == ("run.finished", "r", 3, "info")
        assert event["timestamp"].endswith("Z")
        assert (library["event"], library["level"]) == ("disk full", "warning")
        assert "ValueError: broken" in failure["exception"]
        assert "sesame" not in json.dumps(failure)  # values of variables may be secrets
