"""Requests of the tus protocol, as small as they get."""

import base64
from collections.abc import Mapping

import httpx2
from fastapi.testclient import TestClient

from tests.app.corpora.archives import zip_bytes

ZIP = zip_bytes(3)
VERSION = {"Tus-Resumable": "1.0.0"}
BODY_TYPE = {"Content-Type": "application/offset+octet-stream"}


def metadata(**values: str) -> str:
    """An `Upload-Metadata` header."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def create(
    client: TestClient, n_bytes: int = len(ZIP), headers: Mapping[str, str] | None = None, **values: str
) -> httpx2.Response:
    """Begin an upload; `values` is its metadata, a name where it is left out."""
    given = {"Upload-Length": str(n_bytes), "Upload-Metadata": metadata(**(values or {"name": "birds"}))}
    return client.post("/v1/uploads", headers={**VERSION, **given, **(headers or {})})


def created(client: TestClient, n_bytes: int = len(ZIP), **values: str) -> str:
    """The path of a new upload."""
    answer = create(client, n_bytes, None, **values)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def patch(
    client: TestClient, path: str, data: bytes, offset: int = 0, headers: Mapping[str, str] | None = None
) -> httpx2.Response:
    """Send bytes of an upload."""
    return client.patch(
        path, content=data, headers={**VERSION, **BODY_TYPE, "Upload-Offset": str(offset), **(headers or {})}
    )


def head(client: TestClient, path: str) -> httpx2.Response:
    """Ask how an upload stands."""
    return client.head(path, headers=VERSION)


def offset(client: TestClient, path: str) -> int:
    """How many of its bytes are stored."""
    return int(head(client, path).headers["Upload-Offset"])
