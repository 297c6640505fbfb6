"""What a workspace may have, whichever way it comes."""

import uuid

from sqlalchemy.orm import Session

from app.core.errors import ByteQuotaError, RunQuotaError, UploadQuotaError
from app.core.models import JobKind
from app.core.repositories import uploads
from app.core.repositories.jobs import count_open_jobs
from app.core.settings import Settings


class Quotas:
    """Checks on what a workspace stores.

    What is checked is still true at the commit: the workspace stays locked until then, so that of any number of
    requests at once no two count on the same free byte.
    """

    def __init__(self, settings: Settings) -> None:
        self._max_bytes = settings.max_workspace_bytes
        self._max_uploads = settings.max_workspace_uploads
        self._max_runs = settings.max_workspace_runs

    def check_bytes(self, session: Session, workspace_id: uuid.UUID, n_bytes: int) -> None:
        """Make sure that the workspace may store `n_bytes` more.

        Raises:
            ByteQuotaError: with what is left.
        """
        if self._max_bytes is None:
            return
        uploads.lock_workspace(session, workspace_id)
        left = max(0, self._max_bytes - uploads.workspace_bytes(session, workspace_id))
        if n_bytes > left:
            raise ByteQuotaError(
                f"{n_bytes} bytes: the workspace has {left} of its {self._max_bytes} bytes left; delete a corpus, "
                "or end an upload that is not needed",
                left=left,
            )

    def check_uploads(self, session: Session, workspace_id: uuid.UUID) -> None:
        """Make sure that the workspace may begin another upload.

        Raises:
            UploadQuotaError: with how many are left: none.
        """
        uploads.lock_workspace(session, workspace_id)
        if uploads.count_unfinished(session, workspace_id) >= self._max_uploads:
            raise UploadQuotaError(
                f"the workspace has {self._max_uploads} unfinished uploads, which is all it may have: "
                "finish or delete one, or wait until one expires"
            )

    def check_runs(self, session: Session, workspace_id: uuid.UUID) -> None:
        """Make sure that the workspace may start another run.

        Raises:
            RunQuotaError: with how many are left: none.
        """
        uploads.lock_workspace(session, workspace_id)
        if count_open_jobs(session, workspace_id, JobKind.RUN) >= self._max_runs:
            raise RunQuotaError(
                f"the workspace has {self._max_runs} runs that have not ended, which is all it may have: "
                "cancel one, or wait until one ends"
            )
