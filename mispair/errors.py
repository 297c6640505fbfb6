"""What can go wrong between this client and a Mispair server, each kind with the exit code its command ends with."""

from collections.abc import Mapping
from dataclasses import dataclass


class MispairError(Exception):
    """Root of all that `mispair` raises on purpose; `str(error)` is a sentence for a person."""

    exit_code = 1


class ConfigurationError(MispairError):
    """No server address or no key is known, or a file that should hold them cannot be read."""

    exit_code = 2


class UnreachableError(MispairError):
    """Nothing answered at the server's address, or the connection broke."""

    exit_code = 4


class UnexpectedAnswerError(MispairError):
    """Something answered that does not speak this API, such as a proxy's page or another service."""

    exit_code = 4


class StoppedWaitingError(MispairError):
    """The caller asked to stop waiting; the work itself goes on."""

    exit_code = 130


class SourceError(MispairError):
    """A file or folder cannot be uploaded, or is not any more what it was when its upload began."""

    exit_code = 2


@dataclass(frozen=True)
class Fault:
    """One field of a payload that the server refused.

    Attributes:
        loc: where, as the server writes it, such as `body.batch_size`.
        code: a stable word.
        detail: a sentence.
    """

    loc: str
    code: str
    detail: str


class RefusedError(MispairError):
    """The server answered `application/problem+json`: it understood the request and did not do it.

    Args:
        status: the HTTP status.
        code: a stable word to branch on.
        detail: one sentence that names the thing, what came and what is allowed.
        request_id: what to tell the operator; it is in the server's log.
        faults: single fields of the payload, where the server names them.
        retry_after_s: seconds after which the same request may succeed.
    """

    exit_code = 3

    def __init__(
        self,
        *,
        status: int,
        code: str,
        detail: str,
        request_id: str | None = None,
        faults: tuple[Fault, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{detail} ({status} {code})")
        self.status = status
        self.code = code
        self.detail = detail
        self.request_id = request_id
        self.faults = faults
        self.retry_after_s = retry_after_s

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later without anyone changing anything."""
        return self.status in {429, 502, 503, 504}

    @classmethod
    def from_problem(cls, status: int, problem: Mapping[str, object], retry_after: str | None) -> "RefusedError":
        """Read a problem+json body; members that are missing or of another type fall back to the status."""
        errors = problem.get("errors")
        request_id = problem.get("request_id")
        return cls(
            status=status,
            code=str(problem.get("code") or f"http_{status}"),
            detail=str(problem.get("detail") or problem.get("title") or f"the server answered {status}"),
            request_id=str(request_id) if request_id else None,
            faults=tuple(_faults(errors)) if isinstance(errors, list) else (),
            retry_after_s=float(retry_after) if retry_after and retry_after.isdecimal() else None,
        )


class JobFailedError(MispairError):
    """An import or a run ended without success.

    Args:
        subject: what failed, such as `corpus 0192...`.
        code: the service's reason, such as `no_caption_column` or `cancelled`.
        detail: the service's words.
    """

    exit_code = 5

    def __init__(self, *, subject: str, code: str, detail: str) -> None:
        super().__init__(f"{subject} {'was cancelled' if code == 'cancelled' else 'failed'}: {detail} ({code})")
        self.subject = subject
        self.code = code
        self.detail = detail


def _faults(errors: list[object]) -> list[Fault]:
    return [
        Fault(_location(each.get("loc")), str(each.get("code", "")), str(each.get("detail", "")))
        for each in errors
        if isinstance(each, Mapping)
    ]


def _location(loc: object) -> str:
    """FastAPI writes locations as lists, others as a dotted path: one form for both."""
    return ".".join(str(part) for part in loc) if isinstance(loc, list) else str(loc or "")
