"""What tus answers beside the errors that every feature has."""

from app.core.errors import AppError


class BadRequestError(AppError):
    """A header of the protocol cannot be understood."""

    status = 400
    code = "bad_request"
    title = "Bad request"


class GoneError(AppError):
    """The upload has expired."""

    status = 410
    code = "upload_expired"
    title = "Gone"


class VersionError(AppError):
    """The client speaks another version of the protocol."""

    status = 412
    code = "tus_version"
    title = "Precondition failed"


class TakenOverError(AppError):
    """Another request has taken this upload over; what was stored before that stands."""

    status = 423
    code = "upload_taken_over"
    title = "Locked"


class ChecksumError(AppError):
    """The bytes are not those that the client has hashed; nothing of them counts."""

    status = 460
    code = "checksum_mismatch"
    title = "Checksum mismatch"
