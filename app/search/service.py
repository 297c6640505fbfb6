"""Rules of searching a run: what may be asked, and what of the corpus a hit shows."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session, sessionmaker

from app.core.database import session_scope
from app.core.repositories import reports
from app.core.repositories.reports import HitPair
from app.core.storage import Storage
from app.images.service import decode_image, get_image, open_image
from app.reports.service import Cut, scope_of, threshold_of
from app.runs.service import PublishedRun, get_published_run
from app.search.engine import EngineHit, SearchableRun, SearchEngine
from app.search.pair_table import PairCondition, Returns
from app.search.query_embedding import Query
from app.search.reading import ReadSearch
from app.search.schemas import (
    HitCaption,
    HitImage,
    HitPairView,
    SearchAnswer,
    SearchHit,
    SearchQueryView,
)


@dataclass(frozen=True)
class SearchTools:
    """What a search works with."""

    session_factory: sessionmaker[Session]
    storage: Storage
    engine: SearchEngine
    max_image_pixels: int


def search_run(tools: SearchTools, workspace_id: uuid.UUID, run_id: uuid.UUID, asked: ReadSearch) -> SearchAnswer:
    """Find the images or captions nearest to a query.

    Two short transactions, before and after the engine: loading an encoder takes seconds, in which no connection
    should be held. A published run does not change in between; if it is deleted, its hits come back empty.

    Raises:
        NotFoundError: no such run, or no such image, in this workspace.
        WrongStateError: `report_not_ready`, `not_calibrated`, or what the engine refuses.
        InvalidPayloadError: `no_known_word`, or `threshold_and_fdr`.
        TooLargeError, UnsupportedTypeError, InvalidPayloadError: the image cannot be used.
    """
    query, run, threshold = _resolve(tools, workspace_id, run_id, asked)
    plan = asked.plan
    found = tools.engine.search(
        _searchable(run),
        query,
        returns=plan.returns,
        k=plan.k,
        condition=PairCondition(threshold, plan.filters.flagged, plan.filters.min_correspondence),
    )
    with session_scope(tools.session_factory) as session:
        pairs = reports.hit_pairs(
            session,
            scope_of(run),
            corpus_version_id=run.corpus_version_id,
            ordinals=[ordinal for hit in found.hits for ordinal in hit.pairs],
            threshold=threshold,
        )
    understood = _query_view(asked, query, threshold, found.unknown_words)
    return SearchAnswer(items=_views(found.hits, pairs, plan.returns), query=understood)


def _resolve(
    tools: SearchTools, workspace_id: uuid.UUID, run_id: uuid.UUID, asked: ReadSearch
) -> tuple[Query, PublishedRun, float]:
    """The query as the engine takes it, and the threshold.

    The run is looked up first: a wrong one is told before a wrong image is.
    """
    stored = None
    with session_scope(tools.session_factory) as session:
        run = get_published_run(session, workspace_id, run_id)
        threshold = threshold_of(session, run, Cut(asked.plan.threshold, asked.plan.fdr))
        if isinstance(asked.query, uuid.UUID):
            stored = get_image(session, workspace_id, asked.query)
    if stored is not None:
        return open_image(tools.storage, stored, max_pixels=tools.max_image_pixels), run, threshold
    if isinstance(asked.query, bytes):
        return decode_image(asked.query, max_pixels=tools.max_image_pixels), run, threshold
    return str(asked.query), run, threshold


def _searchable(run: PublishedRun) -> SearchableRun:
    # A run's configuration always names its encoder: it was resolved when the run was created.
    return SearchableRun(
        id=run.id,
        artefact_prefix=run.artefact_prefix,
        encoder=run.config.encoder or "",
        encoder_fingerprint=run.summary.encoder_fingerprint,
        n_grid_regions=run.config.n_grid_regions if run.config.reads_regions else None,
    )


def _views(hits: Sequence[EngineHit], pairs: Mapping[int, HitPair], returns: Returns) -> list[SearchHit]:
    views = []
    for hit in hits:
        found = [pairs[ordinal] for ordinal in hit.pairs if ordinal in pairs]
        if found:
            views.append(_image_hit(hit, found) if returns is Returns.IMAGES else _caption_hit(hit, found))
    return views


def _image_hit(hit: EngineHit, pairs: Sequence[HitPair]) -> SearchHit:
    image = HitImage(image_id=pairs[0].image_id, source_path=pairs[0].image_source_path)
    captions = [HitCaption.model_validate(pair) for pair in pairs]
    return SearchHit(score=hit.score, n_pairs=hit.n_pairs, image=image, captions=captions)


def _caption_hit(hit: EngineHit, pairs: Sequence[HitPair]) -> SearchHit:
    views = [HitPairView.model_validate(pair) for pair in pairs]
    return SearchHit(score=hit.score, n_pairs=hit.n_pairs, caption=pairs[0].caption, pairs=views)


def _query_view(asked: ReadSearch, query: Query, threshold: float, unknown_words: Sequence[str]) -> SearchQueryView:
    sent, plan = asked.query, asked.plan
    return SearchQueryView(
        text=sent if isinstance(sent, str) else None,
        unknown_words=list(unknown_words),
        image_id=sent if isinstance(sent, uuid.UUID) else None,
        image_px=None if isinstance(query, str) else query.size,
        returns=plan.returns,
        k=plan.k,
        filters=plan.filters,
        threshold=threshold,
    )
