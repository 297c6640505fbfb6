"""Rules of searching a run: what may be asked, and what of the corpus a hit shows."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session, sessionmaker

from app.core.database import session_scope
from app.core.errors import NotFoundError
from app.core.repositories import reports
from app.core.repositories.pairs import find_pair_ordinal
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
    Neighbours,
    PairNeighbours,
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
    pairs = _hit_pairs(tools, run, found.hits, threshold)
    understood = _query_view(asked, query, threshold, found.unknown_words)
    return SearchAnswer(items=_views(found.hits, pairs, plan.returns), query=understood)


def pair_neighbours(
    tools: SearchTools, workspace_id: uuid.UUID, run_id: uuid.UUID, pair_id: uuid.UUID, *, k: int, cut: Cut
) -> PairNeighbours:
    """Find what lies nearest to both halves of a pair.

    Raises:
        NotFoundError: no such run in this workspace, or no such pair in it.
        WrongStateError: `report_not_ready` or `not_calibrated`.
        InvalidPayloadError: `threshold_and_fdr`.
    """
    with session_scope(tools.session_factory) as session:
        run = get_published_run(session, workspace_id, run_id)
        threshold = threshold_of(session, run, cut)
        ordinal = find_pair_ordinal(session, run.corpus_version_id, pair_id)
    if ordinal is None:
        raise NotFoundError(f"pair {pair_id} does not exist in run {run.id}")
    searchable = _searchable(run)
    found = {
        (of, returns): tools.engine.neighbours(searchable, ordinal, of=of, returns=returns, k=k)
        for of in Returns
        for returns in Returns
    }
    pairs = _hit_pairs(tools, run, [hit for hits in found.values() for hit in hits], threshold)

    def near(of: Returns) -> Neighbours:
        return Neighbours(
            images=_views(found[of, Returns.IMAGES], pairs, Returns.IMAGES),
            captions=_views(found[of, Returns.CAPTIONS], pairs, Returns.CAPTIONS),
        )

    return PairNeighbours(of_image=near(Returns.IMAGES), of_caption=near(Returns.CAPTIONS))


def _hit_pairs(
    tools: SearchTools, run: PublishedRun, hits: Sequence[EngineHit], threshold: float
) -> dict[int, HitPair]:
    with session_scope(tools.session_factory) as session:
        return reports.hit_pairs(
            session,
            scope_of(run),
            corpus_version_id=run.corpus_version_id,
            ordinals=[ordinal for hit in hits for ordinal in hit.pairs],
            threshold=threshold,
        )


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
