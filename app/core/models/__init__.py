from app.core.models.access import ApiKey, BrowserSession, IdempotencyRecord, Workspace
from app.core.models.base import Base, new_id
from app.core.models.checks import CaptionCheck, CorpusChecks, ImageCheck
from app.core.models.corpora import Corpus, CorpusVersion, FeatureSet, Image, Pair, Rejection
from app.core.models.jobs import Job, JobEvent, WorkerHeartbeat
from app.core.models.repairs import Repair, RepairPair
from app.core.models.runs import ReportRow, Run
from app.core.models.states import (
    CorpusFormat,
    CorpusState,
    JobKind,
    JobState,
    ReasonCode,
    RejectionCode,
    RepairKind,
    RunPhase,
)
from app.core.models.uploads import Upload

__all__ = [
    "ApiKey",
    "Base",
    "BrowserSession",
    "CaptionCheck",
    "Corpus",
    "CorpusChecks",
    "CorpusFormat",
    "CorpusState",
    "CorpusVersion",
    "FeatureSet",
    "IdempotencyRecord",
    "Image",
    "ImageCheck",
    "Job",
    "JobEvent",
    "JobKind",
    "JobState",
    "Pair",
    "ReasonCode",
    "Rejection",
    "RejectionCode",
    "Repair",
    "RepairKind",
    "RepairPair",
    "ReportRow",
    "Run",
    "RunPhase",
    "Upload",
    "WorkerHeartbeat",
    "Workspace",
    "new_id",
]
