"""Rules of certificates: which runs have one, and where it lies."""

from dataclasses import dataclass
from enum import StrEnum

from app.core.errors import NotFoundError, WrongStateError
from app.core.storage import Storage
from app.runs.service import PublishedRun


class CertificateFile(StrEnum):
    """The files of a certificate, by the names of their artefacts."""

    JSON = "certificate.json"
    CHART = "certificate.svg"


@dataclass(frozen=True)
class CertificateContent:
    """One file of a certificate."""

    content: bytes
    filename: str


def read_certificate(storage: Storage, run: PublishedRun, file: CertificateFile) -> CertificateContent:
    """A certificate's file, whole: it has some kilobytes.

    Raises:
        NotFoundError: `not_certified`: the run was not asked for a certificate.
        WrongStateError: `not_certifiable`: it was, and there was nothing to certify.
    """
    certificate = run.summary.certificate
    if certificate is None:
        raise NotFoundError(
            f"run {run.id} has no certificate: it was started without certify=true; start one with it",
            code="not_certified",
        )
    if certificate.refusal is not None:
        raise WrongStateError(
            f"run {run.id} has no certificate ({certificate.refusal.code}): {certificate.refusal.detail}",
            code="not_certifiable",
        )
    content = storage.local_path(f"{run.artefact_prefix}/{file}").read_bytes()
    return CertificateContent(content, f"mispair-{run.id}-{file}")
