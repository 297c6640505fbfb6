"""Uploads by the tus protocol that go on after every failure."""

import base64
import hashlib
import http
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2

from mispair.connection import Connection
from mispair.errors import MispairError, RefusedError, UnexpectedAnswerError, UnreachableError
from mispair.transfer import OnProgress
from mispair.upload_source import UploadSource

_PATH = "/v1/uploads"
_TUS = {"Tus-Resumable": "1.0.0"}
_PIECE_BYTES = 64 * 1024 * 1024  # a proxy that holds a request back until it is whole loses no more than this
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 15.0
_CONFLICTS = frozenset({http.HTTPStatus.CONFLICT, http.HTTPStatus.LOCKED})
_GONE = frozenset({http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE})
_MOST_BEGINNINGS = 3

OnTrouble = Callable[[str], None]


class ResumableUpload:
    """Sends one source into a new corpus.

    An unfinished upload of the same source and name, of this process or of one before it, is gone on with.

    Args:
        connection: to the server.
        source: what to send.
        name: of the corpus.
        corpus_format: as docs/formats.md names it; None: told from the content.
        append_to: a ready corpus that gets the rows as a new version; then nothing is named.
        sha256: of the source in hex, if it is known; the server checks it.
        on_progress: called with (bytes at the server or on the way, bytes in all).
        on_trouble: called with a sentence when a failure is waited out.
        patience_s: how long to try without a byte getting through.
        stall_s: how long the server may neither take nor say anything.
    """

    def __init__(
        self,
        connection: Connection,
        source: UploadSource,
        *,
        name: str,
        corpus_format: str | None = None,
        append_to: str | None = None,
        sha256: str | None = None,
        on_progress: OnProgress | None = None,
        on_trouble: OnTrouble | None = None,
        patience_s: float = 3600.0,
        stall_s: float = 60.0,
    ) -> None:
        self._connection = connection
        self._source = source
        target = {"name": name} if append_to is None else {"corpus_id": append_to, "append": "true"}
        if corpus_format is not None:
            target["format"] = corpus_format
        known_by = (append_to or name, corpus_format or "", source.fingerprint())
        self._metadata = {
            **target,
            "filename": source.name,
            "fingerprint": hashlib.sha256("\n".join(known_by).encode()).hexdigest(),
            **({"sha256": sha256} if sha256 else {}),
        }
        self._on_progress = on_progress or (lambda *_: None)
        self._on_trouble = on_trouble or (lambda _: None)
        self._patience_s = patience_s
        self._timeout = httpx2.Timeout(stall_s, connect=10.0)
        self._n_beginnings = 0
        self._best = -1

    def run(self) -> str:
        """Send what the server does not have yet, and return the id of the corpus.

        Raises:
            MispairError: the server refuses it, or cannot be reached for too long.
            OSError: the source cannot be read.
        """
        upload_id: str | None = self._begin()  # at once or not at all: a wrong address is no failure to wait out
        give_up_at = time.monotonic() + self._patience_s
        pause_s = _SHORTEST_PAUSE_S
        while True:
            best = self._best
            try:
                upload_id = upload_id or self._begin()
                return self._send(upload_id)
            except (UnreachableError, RefusedError) as error:
                if self._best > best:
                    pause_s, give_up_at = _SHORTEST_PAUSE_S, time.monotonic() + self._patience_s
                if time.monotonic() > give_up_at or not _may_pass(error):
                    raise
                if _status(error) in _GONE:
                    upload_id = None
                if _status(error) not in _CONFLICTS:
                    self._on_trouble(f"{error}; going on in a moment")
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _begin(self) -> str:
        """The id of the upload to go on with, or of a new one."""
        unfinished = self._find()
        if unfinished is not None:
            return unfinished
        self._n_beginnings += 1
        if self._n_beginnings > _MOST_BEGINNINGS:
            raise UnexpectedAnswerError(f"the server forgot this upload {_MOST_BEGINNINGS} times")
        metadata = ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in self._metadata.items())
        headers = {**_TUS, "Upload-Length": str(self._source.n_bytes), "Upload-Metadata": metadata}
        with self._connection.stream("POST", _PATH, headers=headers) as response:
            return _header(response, "Location").rsplit("/", 1)[1]

    def _find(self) -> str | None:
        cursor: str | None = None
        while True:
            page = _object(self._connection.request("GET", _PATH, params={"limit": 500, "cursor": cursor}))
            for upload in page["items"]:
                is_same = upload["metadata"].get("fingerprint") == self._metadata["fingerprint"]
                if is_same and upload["state"] == "receiving" and upload["length"] == self._source.n_bytes:
                    return str(upload["id"])
            cursor = page.get("next_cursor")
            if not cursor:
                return None

    def _send(self, upload_id: str) -> str:
        upload = _object(self._connection.request("GET", f"{_PATH}/{upload_id}", timeout=self._timeout))
        offset = int(upload["offset"])
        self._best = max(self._best, offset)  # what a cut piece left there counts as well
        self._tell(offset)
        while upload["state"] == "receiving":
            offset, corpus_id = self._send_piece(upload_id, offset)
            self._best = max(self._best, offset)
            if offset == self._source.n_bytes:
                return corpus_id
        return str(upload["corpus_id"])

    def _send_piece(self, upload_id: str, offset: int) -> tuple[int, str]:
        """Send some bytes; answers how many the server has then, and the id of the corpus."""
        n_bytes = min(_PIECE_BYTES, self._source.n_bytes - offset)
        headers = {
            **_TUS,
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(n_bytes),
        }
        with self._connection.stream(
            "PATCH",
            f"{_PATH}/{upload_id}",
            content=self._piece(offset, n_bytes),
            headers=headers,
            timeout=self._timeout,
        ) as response:
            return int(_header(response, "Upload-Offset")), _header(response, "Mispair-Corpus").rsplit("/", 1)[1]

    def _piece(self, offset: int, n_bytes: int) -> Iterator[bytes]:
        if not n_bytes:
            return
        end = offset + n_bytes
        for chunk in self._source.read(offset):
            yield chunk[: end - offset]
            offset = min(end, offset + len(chunk))
            self._tell(offset)
            if offset == end:
                return

    def _tell(self, offset: int) -> None:
        self._on_progress(offset, self._source.n_bytes)


def _may_pass(error: MispairError) -> bool:
    """Whether another try may succeed: the network, the server or this upload's other holder may be the reason."""
    status = _status(error)
    if status is None:
        return True
    return status >= http.HTTPStatus.INTERNAL_SERVER_ERROR or status in {429, *_CONFLICTS, *_GONE}


def _status(error: MispairError) -> int | None:
    return error.status if isinstance(error, RefusedError) else None


def _header(response: httpx2.Response, name: str) -> str:
    value: str | None = response.headers.get(name)
    if value is None:
        raise UnexpectedAnswerError(f"the server did not answer {name}: does it, or a proxy before it, know tus?")
    return value


def _object(answer: object) -> Mapping[str, Any]:  # Any: JSON
    if not isinstance(answer, dict):
        raise UnexpectedAnswerError(f"{_PATH} did not answer an object")
    return answer
