"""HTTP of certificates: the proof of a run that was asked for one, as JSON and as a chart."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from app.certificates import service
from app.certificates.service import CertificateFile
from app.dependencies import SessionDep, StorageDep, WorkspaceId
from app.problems import problems
from app.runs.service import PublishedRun, get_published_run

router = APIRouter(prefix="/v1/runs/{run_id}", tags=["certificates"])

_SVG = "image/svg+xml"
_JSON_FILE: dict[int | str, dict[str, Any]] = {  # Any: OpenAPI JSON, FastAPI's type
    200: {"description": "The certificate", "content": {"application/json": {"schema": {"type": "object"}}}}
}
_CHART_FILE: dict[int | str, dict[str, Any]] = {  # Any: OpenAPI JSON, FastAPI's type
    200: {"description": "Its chart", "content": {_SVG: {"schema": {"type": "string", "format": "binary"}}}}
}


def get_run(run_id: uuid.UUID, session: SessionDep, workspace_id: WorkspaceId) -> PublishedRun:
    return get_published_run(session, workspace_id, run_id)


CertifiedRunDep = Annotated[PublishedRun, Depends(get_run)]


@router.get("/certificate", response_class=Response, responses={**_JSON_FILE, **problems(404, 409)})
def get_certificate(run: CertifiedRunDep, storage: StorageDep) -> Response:
    """Show what training on the cleaned corpus gains, with hashes of the data, the code and the settings.

    404 `not_certified` where the run's configuration does not say `certify`; 409 `report_not_ready` until the run is
    done, `not_certifiable` where nothing was flagged or too little would be left to train or to measure on.
    """
    found = service.read_certificate(storage, run, CertificateFile.JSON)
    return Response(found.content, media_type="application/json")


@router.get("/certificate.svg", response_class=Response, responses={**_CHART_FILE, **problems(404, 409)})
def get_certificate_chart(run: CertifiedRunDep, storage: StorageDep) -> Response:
    """Draw the certificate: a point a seed and arm. Refused as the certificate is."""
    found = service.read_certificate(storage, run, CertificateFile.CHART)
    return Response(
        found.content, media_type=_SVG, headers={"Content-Disposition": f'inline; filename="{found.filename}"'}
    )
