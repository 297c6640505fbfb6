"""A server in memory that speaks the wire contract, for tests of the client and the command line."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2

KEY = "mispair_test_secret"
NOW = "2026-11-24T00:00:00Z"
Json = dict[str, Any]  # Any: JSON of every route

SUMMARY: Json = {
    "n_pairs": 4,
    "n_images": 2,
    "n_captions": 4,
    "n_flagged": 1,
    "threshold": 0.5,
    "mean_correspondence": 0.7,
    "correspondence_histogram": [0] * 20,
    "encoder": "toy",
    "encoder_fingerprint": "ab",
    "round_epochs": [2, 4],
    "seconds_by_phase": {"features": 1.0, "train": 2.0, "report": 0.1, "index": 0.1},
    "r_sum": None,
    "is_calibrated": False,
}


CALIBRATED: Json = {
    "is_calibrated": True,
    "fdr": 0.1,
    "expected_precision": 0.934,
    "expected_recall": 0.871,
    "n_decoys": 50,
    "noise_rate": 0.2134,
    "noise_rate_low": 0.1981,
    "noise_rate_high": 0.2288,
    "reliability": "ok",
    "reliability_reason": None,
}


def number(*by_seed: float) -> Json:
    """A number of a certificate."""
    mean = sum(by_seed) / len(by_seed)
    interval = [mean - 2.0, mean + 2.0] if len(by_seed) > 1 else None
    deviation = 1.0 if len(by_seed) > 1 else None
    return {"mean": mean, "by_seed": list(by_seed), "standard_deviation": deviation, "interval_95": interval}


REPAIRS: list[Json] = [
    {
        "number": 1,
        "kind": "shift",
        "n_pairs": 640,
        "first_row": 1201,
        "last_row": 1850,
        "offset": -1,
        "before": 0.0625,
        "after": 0.96875,
        "gain": 580.0,
        "pairs": [],
    },
    {
        "number": 2,
        "kind": "reassign",
        "n_pairs": 1,
        "first_row": 3,
        "last_row": 3,
        "offset": None,
        "before": 0.125,
        "after": 0.5,
        "gain": 0.375,
        "pairs": [
            {
                "pair_id": "p3",
                "pair_key": "k3",
                "row_number": 3,
                "image_id": "i3",
                "source_path": "c.png",
                "caption": "a dog",
                "before": 0.125,
                "proposed_pair_id": "p7",
                "proposed_pair_key": "k7",
                "proposed_row_number": 7,
                "proposed_caption": "a cat",
                "after": 0.5,
            }
        ],
    },
]


CERTIFICATE: Json = {
    "format": "mispair-certificate",
    "format_version": "1",
    "verdict": "helps",
    "threshold": 0.5,
    "n_flagged": 40,
    "r_sum": {"raw": number(90.0, 92.0), "cleaned": number(110.0, 113.0), "random": number(70.0, 71.0)},
    "weighted_r_sum": {"raw": number(150.0, 151.0), "cleaned": number(190.0, 191.0), "random": number(120.0, 121.0)},
    "gain": {"cleaned_over_raw": number(20.0, 21.0), "cleaned_over_random": number(40.0, 42.0)},
    "seeds": [
        {
            "seed": seed,
            "n_held_out_pairs": 20,
            "n_held_out_images": 20,
            "n_steps": 8,
            "arms": {
                arm: {"n_pairs": n_pairs, "r_sum": 90.0, "recall": {"image_to_text_r1": 12.5}}
                for arm, n_pairs in (("raw", 80), ("cleaned", 50), ("random", 50))
            },
        }
        for seed in (0, 1)
    ],
    "data": {"features_sha256": "ab"},
    "environment": {"code_sha256": "cd"},
    "run": {"run_id": "run-1"},
}


CHECKS: Json = {
    "n_images": 2,
    "n_captions": 4,
    "images": [{"issue": "dark", "threshold": 0.3, "n_flagged": 1}],
    "captions": [
        {"issue": "wrong_language", "threshold": 0.1, "n_flagged": 1},
        {"issue": "near_duplicate", "threshold": 0.03, "n_flagged": None},
    ],
    "main_language": "de",
    "other_language_share": 0.25,
    "warnings": [{"code": "corpus_not_english", "detail": "the main language is 'de'"}],
}
CHECKED: dict[str, list[Json]] = {
    "images": [{"issue": "dark", "image_id": "i", "source_path": "a.png", "score": 0.1, "width_px": 8, "height_px": 6}],
    "captions": [
        {"issue": "wrong_language", "caption": "a\ndo", "pair_id": "p", "pair_key": "k", "score": 0.0, "language": "en"}
    ],
}


class FakeServer:
    """Answers as the service would. An import ends at the second look, a run at the third.

    Attributes:
        requests: every request that came, in order.
        failures: answers that are given instead, one a request, first come first served.
        import_error: how imports end, when set.
        n_rejected: how many rows every import rejects.
        rows: what every report holds.
        summary: what every run came to.
    """

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.failures: list[Callable[[httpx2.Request], httpx2.Response]] = []
        self.corpora: dict[str, Json] = {}
        self.runs: dict[str, Json] = {}
        self.keys: dict[str, Json] = {}
        self.archives: dict[str, bytes] = {}
        self.uploads: dict[str, Json] = {}
        self.stored: dict[str, bytes] = {}
        self.looks: dict[str, int] = {}
        self.import_error: Json | None = None
        self.run_error: Json | None = None
        self.n_rejected = 0
        self.rows = [report_row(rank) for rank in range(1, 5)]
        self.events: list[Json] = []
        self.summary = SUMMARY

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        request.read()
        self.requests.append(request)
        if self.failures:
            return self.failures.pop(0)(request)
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return problem(401, "unauthorized", "Authorization: not a key of this service")
        parts = request.url.path.strip("/").split("/")[1:]
        route = getattr(self, f"_{request.method.lower()}_{parts[0]}", None)
        answer = route(parts[1:], request) if route is not None else None
        return answer if answer is not None else problem(404, "not_found", f"{request.url.path} does not exist")

    def _post_corpora(self, parts: list[str], request: httpx2.Request) -> httpx2.Response | None:
        body = json.loads(request.content or b"{}")
        if not parts:
            return httpx2.Response(201, json=self._add_corpus(body["name"]))
        if parts[0] not in self.corpora or parts[1:] != ["runs"]:
            return None
        if self.corpora[parts[0]]["state"] != "ready":
            return problem(409, "corpus_not_ready", f"corpus {parts[0]} is not ready")
        run: Json = {
            "id": f"run-{len(self.runs) + 1}",
            "corpus_id": parts[0],
            "corpus_version_id": "v",
            "state": "queued",
        }
        run |= {"phase": None, "progress": 0.0, "eta_s": None, "attempt": 0, "metrics": None, "config": body}
        run |= {"summary": None, "error": None, "created_at": NOW, "started_at": None, "finished_at": None}
        self.runs[run["id"]] = run
        return httpx2.Response(202, json=run)

    def _add_corpus(self, name: str) -> Json:
        corpus: Json = {"id": f"corpus-{len(self.corpora) + 1}", "name": name, "state": "uploading"}
        corpus |= {"error": None, "archive": None, "version": None, "job": None}
        corpus |= {"created_at": NOW, "updated_at": NOW}
        self.corpora[corpus["id"]] = corpus
        return corpus

    def _put_corpora(self, parts: list[str], request: httpx2.Request) -> httpx2.Response | None:
        corpus = self.corpora[parts[0]]
        if not _is_archive(request.content):
            return problem(415, "unsupported_archive", "the body is neither a zip nor a tar archive")
        self._accept(corpus, request.content)
        return httpx2.Response(202, json=corpus)

    def _accept(self, corpus: Json, content: bytes) -> None:
        self.archives[corpus["id"]] = content
        digest = hashlib.sha256(content).hexdigest()
        corpus |= {"state": "uploaded", "archive": {"bytes": len(content), "sha256": digest, "kind": "zip"}}

    def _post_uploads(self, _parts: list[str], request: httpx2.Request) -> httpx2.Response | None:
        pairs = (pair.split(" ") for pair in request.headers["Upload-Metadata"].split(","))
        metadata = {key: base64.b64decode(text).decode() for key, text in pairs}
        corpus = self._add_corpus(metadata["name"])
        upload: Json = {"id": f"upload-{len(self.uploads) + 1}", "corpus_id": corpus["id"], "state": "receiving"}
        upload |= {"length": int(request.headers["Upload-Length"]), "offset": 0, "metadata": metadata}
        self.uploads[upload["id"]] = upload
        self.stored[upload["id"]] = b""
        return httpx2.Response(201, headers={"Location": f"/v1/uploads/{upload['id']}"})

    def _get_uploads(self, parts: list[str], request: httpx2.Request) -> httpx2.Response | None:
        if not parts:
            return page(list(reversed(self.uploads.values())), request)
        upload = self.uploads.get(parts[0])
        return None if upload is None else httpx2.Response(200, json=upload)

    def _patch_uploads(self, parts: list[str], request: httpx2.Request) -> httpx2.Response | None:
        upload = self.uploads.get(parts[0])
        if upload is None:
            return None
        if int(request.headers["Upload-Offset"]) != upload["offset"]:
            return problem(409, "offset_mismatch", f"{upload['offset']} bytes are stored")
        content = self.stored[parts[0]] + request.content
        if not _is_archive(content):
            del self.uploads[parts[0]], self.corpora[upload["corpus_id"]]
            return problem(415, "unsupported_archive", "the body is neither a zip nor a tar archive")
        self.stored[parts[0]] = content
        upload["offset"] = len(content)
        if upload["offset"] == upload["length"]:
            upload["state"] = "done"
            self._accept(self.corpora[upload["corpus_id"]], content)
        headers = {"Upload-Offset": str(upload["offset"]), "Mispair-Corpus": f"/v1/corpora/{upload['corpus_id']}"}
        return httpx2.Response(204, headers=headers)

    def _get_corpora(self, parts: list[str], request: httpx2.Request) -> httpx2.Response | None:
        if not parts:
            return page(list(reversed(self.corpora.values())), request)
        corpus = self.corpora.get(parts[0])
        if corpus is None:
            return None
        if parts[1:] == ["rejections"]:
            rejection = {"row_number": 1, "source_path": "a.jpg", "code": "missing_image", "detail": "no such image"}
            return page([rejection] * self.n_rejected, request)
        if parts[1:] == ["runs"]:
            return page([run for run in reversed(self.runs.values()) if run["corpus_id"] == parts[0]], request)
        if parts[1:] == ["events"]:
            return self._stream_events(request)
        if parts[1:2] == ["checks"]:
            return self._get_checks(parts[2:], request)
        self._advance_import(corpus)
        return httpx2.Response(200, json=corpus)

    def _get_checks(self, parts: list[str], request: httpx2.Request) -> httpx2.Response | None:
        if not parts:
            return httpx2.Response(200, json=CHECKS)
        if parts[0].endswith(".csv"):
            return httpx2.Response(200, text="image_id,issues\ni,dark\n")
        wanted = request.url.params["issue"]
        return page([row for row in CHECKED[parts[0]] if row["issue"] == wanted], request)

    def _delete_corpora(self, parts: list[str], _request: httpx2.Request) -> httpx2.Response | None:
        return httpx2.Response(204) if self.corpora.pop(parts[0], None) else None

    def _get_runs(self, parts: list[str], request: httpx2.Request) -> httpx2.Response | None:
        run = self.runs.get(parts[0])
        if run is None:
            return None
        if not parts[1:]:
            self._advance_run(run)
            return httpx2.Response(200, json=run)
        if parts[1] == "events":
            return self._stream_events(request)
        if run["state"] != "done":
            return problem(409, "report_not_ready", f"run {run['id']} has no report yet")
        if parts[1] == "certificate":
            return httpx2.Response(200, json=CERTIFICATE)
        if parts[1] == "certificate.svg":
            return httpx2.Response(200, text="<svg/>", headers={"Content-Type": "image/svg+xml"})
        if parts[1] == "repairs":
            kind = request.url.params.get("kind")
            return page([repair for repair in REPAIRS if kind in {None, repair["kind"]}], request)
        if parts[1] == "repairs.csv":
            return httpx2.Response(200, text="number,kind\n1,shift\n")
        if parts[1] == "summary":
            return httpx2.Response(200, json=self.summary)
        if parts[1] == "pairs":
            return httpx2.Response(200, json=next(row for row in self.rows if row["pair_id"] == parts[2]))
        rows = [row for row in self.rows if request.url.params.get("flag") != "true" or row["is_mismatch"]]
        if parts[1] == "report":
            return page(rows, request)
        lines = "".join(f"{row['pair_key']},{row['correspondence']}\n" for row in rows)
        return httpx2.Response(200, text=f"pair_key,correspondence\n{lines}")

    def _post_runs(self, parts: list[str], request: httpx2.Request) -> httpx2.Response | None:
        run = self.runs.get(parts[0])
        if run is None:
            return None
        if parts[1] == "cancel":
            run["state"] = "cancelled"
            return httpx2.Response(202, json=run)
        row = self.rows[0]
        image = {"image_id": row["image_id"], "source_path": row["source_path"]}
        pair = {name: row[name] for name in ("pair_id", "pair_key", "caption", "correspondence", "is_mismatch")}
        hit = {"score": 0.9, "n_pairs": 1, "image": image, "captions": [pair], "caption": None, "pairs": []}
        is_json = request.headers["Content-Type"] == "application/json"
        query = json.loads(request.content) if is_json else dict(request.url.params)
        return httpx2.Response(200, json={"items": [hit], "query": query})

    def _post_keys(self, _parts: list[str], request: httpx2.Request) -> httpx2.Response:
        key = {"id": f"key-{len(self.keys) + 1}", "public_id": "abc", "created_at": NOW, **json.loads(request.content)}
        self.keys[key["id"]] = key
        return httpx2.Response(201, json={**key, "key": "mispair_abc_new"})

    def _get_keys(self, _parts: list[str], request: httpx2.Request) -> httpx2.Response:
        return page(list(self.keys.values()), request)

    def _delete_keys(self, parts: list[str], _request: httpx2.Request) -> httpx2.Response | None:
        return httpx2.Response(204) if self.keys.pop(parts[0], None) else None

    def _stream_events(self, request: httpx2.Request) -> httpx2.Response:
        after = int(request.headers.get("Last-Event-ID", 0))
        return sse(*(event for event in self.events if event["seq"] > after))

    def _look(self, subject: Json) -> int:
        self.looks[subject["id"]] = self.looks.get(subject["id"], 0) + 1
        return self.looks[subject["id"]]

    def _advance_import(self, corpus: Json) -> None:
        if corpus["state"] not in {"uploaded", "importing"}:
            return
        if self._look(corpus) < 2:
            corpus["state"] = "importing"
        elif self.import_error is not None:
            corpus |= {"state": "failed", "error": self.import_error}
        else:
            counts = {"n_read": 4 + self.n_rejected, "n_accepted": 4, "n_rejected": self.n_rejected}
            version = {"id": "v", "number": 1, "n_images": 2, "n_captions": 4, **counts}
            corpus |= {"state": "ready", "version": version}

    def _advance_run(self, run: Json) -> None:
        if run["state"] not in {"queued", "running"}:
            return
        n_looks = self._look(run)
        if n_looks < 3:
            run |= {"state": "running", "phase": "train", "progress": n_looks / 3, "eta_s": 2.0}
        elif self.run_error is not None:
            run |= {"state": "failed", "error": self.run_error}
        else:
            run |= {"state": "done", "progress": 1.0, "summary": self.summary}


def fake_answer(fake: FakeServer) -> Callable[[httpx2.Request], httpx2.Response]:
    """The fake's own answer, as an item of its `failures`."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        kept, fake.failures = fake.failures, []
        try:
            return fake.handle(request)
        finally:
            fake.failures = kept
            fake.requests.pop()

    return answer


def _is_archive(content: bytes) -> bool:
    return content.startswith(b"PK") or content[257:262] == b"ustar"


def report_row(rank: int) -> Json:
    """One row; the first is flagged."""
    return {
        "pair_id": f"pair-{rank}",
        "pair_key": f"key-{rank}",
        "rank": rank,
        "correspondence": 0.2 * rank,
        "correspondence_label": 0.2 * rank,
        "is_mismatch": rank == 1,
        "caption": f"caption {rank}",
        "image_id": f"image-{rank}",
        "source_id": None,
        "source_path": f"images/{rank}.jpg",
        "row_number": rank,
        "extra": None,
        "reason_code": "better_caption" if rank == 1 else None,
        "evidence": {"gain": 0.5} if rank == 1 else None,
        "best_caption": None,
        "best_caption_correspondence": None,
        "repair_image_id": None,
    }


def page(items: list[Json], request: httpx2.Request) -> httpx2.Response:
    """A page of a list; the cursor is the position."""
    start = int(request.url.params.get("cursor", 0))
    end = start + int(request.url.params.get("limit", 50))
    return httpx2.Response(200, json={"items": items[start:end], "next_cursor": str(end) if end < len(items) else None})


def problem(status: int, code: str, detail: str, **more: object) -> httpx2.Response:
    """A refusal."""
    body: Mapping[str, object] = {"type": f"urn:{code}", "title": code, "status": status, "code": code, **more}
    return httpx2.Response(
        status,
        content=json.dumps({**body, "detail": detail, "request_id": "request-1"}),
        headers={"Content-Type": "application/problem+json"},
    )


def sse(*events: Json) -> httpx2.Response:
    """A stream of events that ends after the last of them."""
    lines = "".join(f"id: {event['seq']}\nevent: {event['kind']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return httpx2.Response(200, text=f": hello\n\n{lines}", headers={"Content-Type": "text/event-stream"})


def event(seq: int, kind: str, **data: object) -> Json:
    """A job event."""
    return {"seq": seq, "at": NOW, "kind": kind, "data": data}


@contextmanager
def serve(fake: FakeServer) -> Iterator[str]:
    """Serve a fake on a free port of this machine; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = f"http://{self.headers['Host']}{self.path}"
            request = httpx2.Request(self.command, url, headers=dict(self.headers.items()), content=content)
            response = fake.handle(request)
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                self.send_header(name, value)
            if "content-length" not in response.headers and response.status_code != 204:
                self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
