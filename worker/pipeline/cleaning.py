"""A run from its frozen configuration to its published report."""

from app.core.errors import JobFailedError
from app.core.models import RunPhase
from app.core.repositories.publishing import find_run
from app.core.run_config import RunConfig
from worker.execution import JobHandle
from worker.pipeline.certifying import certify_run
from worker.pipeline.checkpoints import checkpoint_prefix
from worker.pipeline.checks import ensure_checks
from worker.pipeline.comparing import read_base_findings
from worker.pipeline.devices import choose_device
from worker.pipeline.explaining import explain_report
from worker.pipeline.features import ensure_features
from worker.pipeline.pair_list import PairList
from worker.pipeline.progress import RunClock
from worker.pipeline.reporting import publish, summarise, write_report
from worker.pipeline.training import train_run
from worker.pipeline.workspace import RunWork, working_folder


def clean_corpus(handle: JobHandle) -> None:
    """Do a claimed run: features, train, report, a certificate where one is asked for, index, publication.

    Raises:
        JobFailedError: the run cannot succeed.
        StageInterruptedError: a stage's process died.
        JobCancelledError, LeaseLostError, WorkerStoppingError: the run must not go on here.
    """
    found = handle.transaction(lambda session: find_run(session, handle.claim))
    if found is None:
        raise JobFailedError(f"run {handle.claim.subject_id} does not exist any more", code="run_gone")
    run, version = found
    config = RunConfig.model_validate(run.config)
    device = choose_device(handle.context.settings.device)
    with working_folder(handle) as folder:
        work = RunWork(handle, config, version, folder, RunClock(is_certified=config.certify), device, run.base_run_id)
        features = ensure_features(work)
        ensure_checks(work, features)
        pairs = handle.transaction(lambda session: PairList.read(session, version.id))
        base = read_base_findings(work, len(pairs))
        trained = train_run(work, features, pairs, base)
        report = write_report(work, pairs, trained)
        explained = explain_report(work, features, trained)
        certificate = certify_run(work, features, trained)
        work.begin(RunPhase.INDEX)
        work.run("index", {"out": str(folder)}, lambda _message: None)
        work.clock.end()
        summary = {
            **summarise(report, trained.calibration, config),
            "reasons": explained.n_by_reason,
            "causes": explained.causes,
            "n_images": version.n_images,
            "n_captions": version.n_captions,
            "encoder": config.encoder or handle.context.settings.default_encoder,
            "encoder_fingerprint": features.fingerprint,
            "round_epochs": list(trained.round_epochs),
            "warmup_epochs": trained.warmup_epochs,
            "fold_unit": trained.fold_unit,
            "n_words": trained.n_words,
            "r_sum": trained.r_sum,
            "certificate": certificate,
            "comparison": None if base is None else base.summary(),
            "seconds_by_phase": work.clock.seconds_by_phase,
            "device": device,
            "n_threads": trained.n_threads,
        }
        publish(work, pairs, report, explained, base, summary)
        _delete_superseded(work)


def delete_artefacts(handle: JobHandle) -> None:
    """Delete what a run that ended without a report has in storage."""
    handle.context.storage.delete_prefix(f"runs/{handle.claim.subject_id}")


def _delete_superseded(work: RunWork) -> None:
    """Once the report is published, nobody needs the checkpoints or what earlier claims wrote."""
    storage, claim = work.handle.context.storage, work.handle.claim
    storage.delete_prefix(checkpoint_prefix(work))
    for fence in range(1, claim.fence):
        storage.delete_prefix(f"runs/{claim.subject_id}/{fence}")
