"""The one root error of the service: the API answers it as problem+json, a worker records it on the job."""

from collections.abc import Mapping


class AppError(Exception):
    """A failure that its reader can act on.

    Args:
        detail: one sentence that names the thing, what came and what is allowed.
        code: a stable machine-readable word; the class's own by default.
        headers: extra response headers, such as `Retry-After`.
    """

    status = 500
    code = "internal_error"
    title = "Internal error"

    left: Mapping[str, int] | None = None  # what a quota still leaves, where that is why

    def __init__(self, detail: str, *, code: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.headers = dict(headers or {})


class NotFoundError(AppError):
    """No such object in this workspace; another workspace's object reads the same."""

    status = 404
    code = "not_found"
    title = "Not found"


class UnauthorizedError(AppError):
    """No key, or one that is malformed, revoked or expired."""

    status = 401
    code = "unauthorized"
    title = "Unauthorized"


class ForbiddenError(AppError):
    """A known caller that may not do this, such as a cookie without the `X-Mispair` header on an unsafe method."""

    status = 403
    code = "forbidden"
    title = "Forbidden"


class WrongStateError(AppError):
    """The object exists and is not in a state that allows this."""

    status = 409
    code = "wrong_state"
    title = "Wrong state"


class TooLargeError(AppError):
    """The body or a part of it is over a limit."""

    status = 413
    code = "too_large"
    title = "Too large"


class ByteQuotaError(TooLargeError):
    """The workspace may not store as much as this."""

    code = "byte_quota"

    def __init__(self, detail: str, *, left: int) -> None:
        super().__init__(detail)
        self.left = {"bytes": left}


class UploadQuotaError(AppError):
    """The workspace has as many uploads under way as it may have."""

    status = 429
    code = "upload_quota"
    title = "Too many uploads"

    def __init__(self, detail: str, *, retry_after_s: int = 60) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})
        self.left = {"uploads": 0}


class RunQuotaError(AppError):
    """The workspace has as many runs under way as it may have."""

    status = 429
    code = "run_quota"
    title = "Too many runs"

    def __init__(self, detail: str, *, retry_after_s: int = 60) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})
        self.left = {"runs": 0}


class UnsupportedTypeError(AppError):
    """The content is of a kind that this operation does not take."""

    status = 415
    code = "unsupported_type"
    title = "Unsupported type"


class InvalidPayloadError(AppError):
    """The payload cannot be understood, or an Idempotency-Key came back with another body."""

    status = 422
    code = "invalid_payload"
    title = "Invalid payload"


class UnavailableError(AppError):
    """Something this service needs is away; the same request may succeed later."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"

    def __init__(self, detail: str, *, code: str | None = None, retry_after_s: int = 5) -> None:
        super().__init__(detail, code=code, headers={"Retry-After": str(retry_after_s)})


class LeaseLostError(AppError):
    """Another worker holds this job now: every further write with the old fence is refused."""

    code = "lease_lost"
    title = "Lease lost"


class JobCancelledError(AppError):
    """The job's owner asked for it to stop."""

    code = "cancelled"
    title = "Cancelled"


class JobFailedError(AppError):
    """The job cannot succeed however often it is tried; `code` and `detail` are what its owner reads."""

    code = "failed"
    title = "Job failed"
