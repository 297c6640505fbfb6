"""Mispair: finds the mismatched pairs in an image-caption corpus. This is its Python client."""

from mispair.client import Client
from mispair.client_file import ServerAddress
from mispair.errors import (
    ConfigurationError,
    JobFailedError,
    MispairError,
    RefusedError,
    StoppedWaitingError,
    UnexpectedAnswerError,
    UnreachableError,
)
from mispair.report_filter import ReportFilter

__all__ = [
    "Client",
    "ConfigurationError",
    "JobFailedError",
    "MispairError",
    "RefusedError",
    "ReportFilter",
    "ServerAddress",
    "StoppedWaitingError",
    "UnexpectedAnswerError",
    "UnreachableError",
]
