"""The Python client of a Mispair server."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import httpx2

from mispair.answers import (
    Corpus,
    CorpusVersion,
    JobEvent,
    Key,
    PairNeighbours,
    Rejection,
    ReportRow,
    Run,
    SearchAnswer,
    parse_answer,
)
from mispair.certificates import Certificate
from mispair.checks import CheckedCaption, CheckedImage, ChecksSummary
from mispair.client_file import find_server
from mispair.connection import Connection
from mispair.errors import UnexpectedAnswerError
from mispair.event_stream import follow_events
from mispair.preflight import Preflight
from mispair.repairs import Repair, RepairKind
from mispair.report_filter import ReportFilter
from mispair.resumable_upload import OnTrouble, ResumableUpload
from mispair.run_summary import RunSummary
from mispair.transfer import OnProgress, image_type, read_in_chunks, save_stream
from mispair.upload_source import UploadSource
from mispair.waiting import wait_until_ended

AnswerT = TypeVar("AnswerT")
SubjectT = TypeVar("SubjectT", Corpus, Run)
ReportFormat = Literal["csv", "jsonl", "parquet"]
Returns = Literal["images", "captions"]
CheckedKind = Literal["images", "captions"]
Flagged = Literal["any", "only", "exclude"]

_UPLOAD_TIMEOUT = httpx2.Timeout(600.0, connect=10.0)  # the server stores and hashes the last bytes before it answers
_LARGEST_PAGE = 500
_EVERYTHING = ReportFilter()


class Client:
    """Talks to one server over REST. Thread-safe; close it, or use it as a context manager.

    Args:
        url: such as `http://127.0.0.1:8000`; default MISPAIR_URL, then `client.toml` of the data folder.
        key: `mispair_...`; default MISPAIR_KEY, then `client.toml`.
        data: that data folder; default MISPAIR_DATA, then `mispair-data` in the working folder.
        transport: replaces the network; for tests.

    Raises:
        ConfigurationError: no address or no key is known.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        data: Path | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        address = find_server(url=url, key=key, data=data)
        self.url = address.url
        self._connection = Connection(address, transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def create_corpus(self, name: str, corpus_format: str | None = None) -> Corpus:
        """Create an empty corpus that waits for its archive. Its format is told from the content unless it is given."""
        wanted = {"name": name} if corpus_format is None else {"name": name, "format": corpus_format}
        return self._create(Corpus, "/v1/corpora", wanted)

    def corpus(self, corpus_id: str) -> Corpus:
        """Fetch one corpus."""
        return self._get(Corpus, _path("corpora", corpus_id))

    def corpora(self) -> Iterator[Corpus]:
        """Yield every corpus."""
        return self._pages(Corpus, "/v1/corpora")

    def delete_corpus(self, corpus_id: str) -> None:
        """Delete a corpus with its runs; refused while a job of it is open."""
        self._connection.request("DELETE", _path("corpora", corpus_id))

    def versions(self, corpus_id: str) -> Iterator[CorpusVersion]:
        """Yield the versions of a corpus."""
        return self._pages(CorpusVersion, _path("corpora", corpus_id, "versions"))

    def drop_pairs(
        self,
        corpus_id: str,
        pair_ids: Sequence[str] | None = None,
        *,
        run_id: str | None = None,
        threshold: float | None = None,
        fdr: float | None = None,
    ) -> Corpus:
        """Make a new version of a corpus without some pairs; wait for it with `wait_for`.

        Args:
            pair_ids: at most 10,000 pairs of the newest version.
            run_id: instead of them, all that this run of the newest version flags, at `threshold` or `fdr`.
        """
        body = {"pair_ids": pair_ids, "run_id": run_id, "threshold": threshold, "fdr": fdr}
        path = _path("corpora", corpus_id, "versions")
        return self._create(Corpus, path, {name: value for name, value in body.items() if value is not None})

    def rejections(self, corpus_id: str) -> Iterator[Rejection]:
        """Yield the input rows that the import did not accept."""
        return self._pages(Rejection, _path("corpora", corpus_id, "rejections"), size=_LARGEST_PAGE)

    def download_rejections(self, corpus_id: str, target: Path) -> int:
        """Save the rows that were not accepted, as CSV or (by the name's ending) JSON Lines, and return the bytes."""
        file_format = "jsonl" if target.suffix == ".jsonl" else "csv"
        return self._download(_path("corpora", corpus_id, f"rejections.{file_format}"), target)

    def preflight(self, corpus_id: str) -> Preflight:
        """Fetch what is known of an imported corpus before any training."""
        return self._get(Preflight, _path("corpora", corpus_id, "preflight"))

    def checks(self, corpus_id: str) -> ChecksSummary:
        """Fetch what is wrong with the images and captions of a corpus, each taken alone, once a run has checked it."""
        return self._get(ChecksSummary, _path("corpora", corpus_id, "checks"))

    def checked_images(
        self, corpus_id: str, issue: str, *, threshold: float | None = None, page_size: int = 100
    ) -> Iterator[CheckedImage]:
        """Yield the images with an issue, worst first: those with a score below `threshold`, by default its own."""
        path = _path("corpora", corpus_id, "checks", "images")
        size = min(page_size, _LARGEST_PAGE)
        return self._pages(CheckedImage, path, {"issue": issue, "threshold": threshold}, size)

    def checked_captions(
        self, corpus_id: str, issue: str, *, threshold: float | None = None, page_size: int = 100
    ) -> Iterator[CheckedCaption]:
        """Yield the distinct captions with an issue, worst first, as `checked_images` does."""
        path = _path("corpora", corpus_id, "checks", "captions")
        size = min(page_size, _LARGEST_PAGE)
        return self._pages(CheckedCaption, path, {"issue": issue, "threshold": threshold}, size)

    def download_checks(self, corpus_id: str, target: Path, *, of: CheckedKind = "images") -> int:
        """Save all scores of the images or captions of a corpus as CSV and return its bytes."""
        with self._connection.stream("GET", _path("corpora", corpus_id, "checks", f"{of}.csv")) as response:
            return save_stream(response.iter_bytes(), target)

    def upload(self, corpus_id: str, archive: Path, on_progress: OnProgress | None = None) -> Corpus:
        """Send a zip or tar archive from disk; never more than a chunk of it is in memory.

        Args:
            on_progress: called with (bytes sent, bytes in all) after each chunk.

        Raises:
            OSError: the file cannot be read.
        """
        body = self._connection.request(
            "PUT",
            _path("corpora", corpus_id, "archive"),
            content=read_in_chunks(archive, on_progress),
            headers={"Content-Length": str(archive.stat().st_size), "Content-Type": "application/octet-stream"},
            timeout=_UPLOAD_TIMEOUT,
        )
        return parse_answer(Corpus, body)

    def upload_resumably(
        self,
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
    ) -> Corpus:
        """Send an archive or a folder (`open_source`) into a new corpus, and go on after whatever breaks off.

        A source that was sent in part before, under the same name, is gone on with.

        Args:
            name: of the corpus.
            corpus_format: as docs/formats.md names it; None: told from the content.
            append_to: a ready corpus that gets the rows instead, as a new version.
            sha256: of the source in hex, if it is known; the server checks it.
            on_progress: called with (bytes sent, bytes in all); after a failure it may go back.
            on_trouble: called with a sentence when a failure is waited out.
            patience_s: how long to try without getting on.
            stall_s: how long the server may neither take nor say anything.

        Raises:
            RefusedError: the server does not want it.
            UnreachableError: nothing answers at the start, or for too long.
            OSError: the source cannot be read.
        """
        upload = ResumableUpload(
            self._connection,
            source,
            name=name,
            corpus_format=corpus_format,
            append_to=append_to,
            sha256=sha256,
            on_progress=on_progress,
            on_trouble=on_trouble,
            patience_s=patience_s,
            stall_s=stall_s,
        )
        return self.corpus(upload.run())

    def start_run(self, corpus_id: str, config: Mapping[str, object] | None = None) -> Run:
        """Start a cleaning of the newest version of a corpus; settings left out take the service's defaults.

        Where the preflight warns, `config` needs `confirm_warnings: True`.
        """
        return self._create(Run, _path("corpora", corpus_id, "runs"), dict(config or {}))

    def run(self, run_id: str) -> Run:
        """Fetch one run."""
        return self._get(Run, _path("runs", run_id))

    def runs(self, corpus_id: str) -> Iterator[Run]:
        """Yield the runs of a corpus."""
        return self._pages(Run, _path("corpora", corpus_id, "runs"))

    def cancel_run(self, run_id: str) -> Run:
        """Ask a run to stop; it reads `cancelled` some seconds later."""
        return parse_answer(Run, self._connection.request("POST", _path("runs", run_id, "cancel")))

    def wait_for(
        self,
        subject: SubjectT,
        on_update: Callable[[SubjectT], None] | None = None,
        *,
        stop: threading.Event | None = None,
        patience_s: float = 120.0,
    ) -> SubjectT:
        """Wait until a corpus is imported or a run is done, and return its final state.

        Args:
            on_update: called with every new snapshot.
            stop: ends the wait when set.
            patience_s: how long the server may be away in between.

        Raises:
            JobFailedError: with the service's code and words.
            StoppedWaitingError: `stop` was set.
        """

        get: Callable[[str], Any] = self.corpus if isinstance(subject, Corpus) else self.run  # Any: of subject's kind

        def fetch() -> SubjectT:
            newest: SubjectT = get(subject.id)
            return newest

        return wait_until_ended(fetch, on_update, stop=stop, patience_s=patience_s)

    def events(self, subject: Corpus | Run, *, after: int = 0) -> Iterator[JobEvent]:
        """Yield the events of an import or a run as they happen, each once, until it ends.

        Args:
            after: the last `seq` already known.
        """
        kind = "corpora" if isinstance(subject, Corpus) else "runs"
        return follow_events(self._connection, _path(kind, subject.id, "events"), after=after)

    def summary(self, run_id: str, *, threshold: float | None = None, fdr: float | None = None) -> RunSummary:
        """Fetch a finished run's numbers, with the flags and what to expect of them at `threshold` or at `fdr`."""
        return self._get(RunSummary, _path("runs", run_id, "summary"), {"threshold": threshold, "fdr": fdr})

    def report(self, run_id: str, rows: ReportFilter = _EVERYTHING, *, page_size: int = 100) -> Iterator[ReportRow]:
        """Yield report rows, worst first; pages are fetched as they are needed."""
        size = min(page_size, _LARGEST_PAGE)
        return self._pages(ReportRow, _path("runs", run_id, "report"), rows.parameters(), size)

    def report_row(self, run_id: str, pair_id: str) -> ReportRow:
        """Fetch the finding on one pair."""
        return self._get(ReportRow, _path("runs", run_id, "pairs", pair_id))

    def download_report(
        self,
        run_id: str,
        target: Path,
        report_format: ReportFormat = "csv",
        rows: ReportFilter = _EVERYTHING,
        *,
        raw: bool = False,
    ) -> int:
        """Save a report and return its bytes; `target` appears only once it is whole.

        Args:
            raw: CSV cells exactly as uploaded. Without it, cells that a spreadsheet would run as a formula are quoted.
        """
        parameters = {**rows.parameters(), "raw": 1 if raw else None}
        with self._connection.stream(
            "GET", _path("runs", run_id, f"report.{report_format}"), params=parameters
        ) as response:
            return save_stream(response.iter_bytes(), target)

    def certificate(self, run_id: str) -> Certificate:
        """Fetch what a run's cleaning gains; of a run that was started with `certify`."""
        return self._get(Certificate, _path("runs", run_id, "certificate"))

    def download_certificate(self, run_id: str, target: Path) -> int:
        """Save a certificate as the server keeps it, and return its bytes."""
        return self._download(_path("runs", run_id, "certificate"), target)

    def download_certificate_chart(self, run_id: str, target: Path) -> int:
        """Save a certificate's chart, an SVG, and return its bytes."""
        return self._download(_path("runs", run_id, "certificate.svg"), target)

    def repairs(
        self,
        run_id: str,
        *,
        kind: RepairKind | None = None,
        pair_id: str | None = None,
        min_after: float | None = None,
        page_size: int = 100,
    ) -> Iterator[Repair]:
        """Yield what a run proposes in place of flagged captions, the largest gain first.

        Args:
            kind: only repairs of this kind.
            pair_id: only the repair that changes this pair or gives its caption away.
            min_after: only those at least as likely to be right.
        """
        wanted = {"kind": kind, "pair_id": pair_id, "min_after": min_after}
        return self._pages(Repair, _path("runs", run_id, "repairs"), wanted, min(page_size, _LARGEST_PAGE))

    def download_repairs(
        self,
        run_id: str,
        target: Path,
        *,
        kind: RepairKind | None = None,
        pair_id: str | None = None,
        min_after: float | None = None,
        raw: bool = False,
    ) -> int:
        """Save the proposed repairs as CSV, a line for each pair that changes, and return its bytes.

        Args:
            raw: cells exactly as uploaded. Without it, cells that a spreadsheet would run as a formula are quoted.
        """
        parameters = {"kind": kind, "pair_id": pair_id, "min_after": min_after, "raw": 1 if raw else None}
        with self._connection.stream("GET", _path("runs", run_id, "repairs.csv"), params=parameters) as response:
            return save_stream(response.iter_bytes(), target)

    def search(
        self,
        run_id: str,
        *,
        text: str | None = None,
        image: Path | None = None,
        image_id: str | None = None,
        returns: Returns = "images",
        k: int = 10,
        min_correspondence: float | None = None,
        flagged: Flagged = "any",
        threshold: float | None = None,
        fdr: float | None = None,
    ) -> SearchAnswer:
        """Search the corpus of a finished run with its trained model.

        Args:
            text, image, image_id: the query; exactly one of them. `image` is a file on disk.
            returns: what to find.
            k: at most so many hits.
            min_correspondence: only pairs at least as sure as this.
            flagged: whether flagged pairs take part.
            threshold: the flag's cut; default the run's.
            fdr: instead of it, the share of the flagged that may be wrong; of a calibrated run.
        """
        if sum(query is not None for query in (text, image, image_id)) != 1:
            raise ValueError("give exactly one of text, image and image_id")
        path = _path("runs", run_id, "search")
        plain = {"returns": returns, "k": k, "threshold": threshold, "fdr": fdr}
        filters = {"min_correspondence": min_correspondence, "flagged": flagged}
        if image is not None:
            content = image.read_bytes()
            headers = {"Content-Type": image_type(image, content)}
            answer = self._connection.request(
                "POST", path, content=content, headers=headers, params={**plain, **filters}
            )
        else:
            query = {"text": text} if text is not None else {"image_id": image_id}
            body = {**query, **plain, "filters": filters}
            answer = self._connection.request("POST", path, json={k: v for k, v in body.items() if v is not None})
        return parse_answer(SearchAnswer, answer)

    def neighbours(self, run_id: str, pair_id: str, *, k: int = 8) -> PairNeighbours:
        """The k images and k captions nearest to the image of a pair, and those nearest to its caption."""
        return self._get(PairNeighbours, _path("runs", run_id, "pairs", pair_id, "neighbours"), {"k": k})

    def create_key(self, name: str, expires_at: datetime | None = None) -> Key:
        """Create a key; its secret text is in this answer only."""
        body = {"name": name, **({"expires_at": expires_at.isoformat()} if expires_at else {})}
        return self._create(Key, "/v1/keys", body)

    def keys(self) -> Iterator[Key]:
        """Yield every key, without its secret."""
        return self._pages(Key, "/v1/keys")

    def revoke_key(self, key_id: str) -> None:
        """Revoke a key for good."""
        self._connection.request("DELETE", _path("keys", key_id))

    def _get(self, kind: type[AnswerT], path: str, parameters: Mapping[str, Any] | None = None) -> AnswerT:
        return parse_answer(kind, self._connection.request("GET", path, params=dict(parameters or {})))

    def _download(self, path: str, target: Path) -> int:
        with self._connection.stream("GET", path) as response:
            return save_stream(response.iter_bytes(), target)

    def _create(self, kind: type[AnswerT], path: str, body: Mapping[str, object]) -> AnswerT:
        # With this header a request that a proxy or a person repeats does not create a second object.
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return parse_answer(kind, self._connection.request("POST", path, json=body, headers=headers))

    def _pages(
        self, kind: type[AnswerT], path: str, parameters: Mapping[str, Any] | None = None, size: int = 100
    ) -> Iterator[AnswerT]:
        cursor: str | None = None
        while True:
            page = self._connection.request("GET", path, params={**(parameters or {}), "limit": size, "cursor": cursor})
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise UnexpectedAnswerError(f"GET {path} did not answer a page")
            for item in page["items"]:
                yield parse_answer(kind, item)
            cursor = page.get("next_cursor")
            if not cursor:
                return


def _path(*parts: str) -> str:
    """Ids come from users' fingers: a slash or a question mark in one must not reach another resource."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)
