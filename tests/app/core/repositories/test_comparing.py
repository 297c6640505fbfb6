"""What of a run is found again in another version of its corpus."""

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models import CorpusVersion, FeatureSet, Pair, new_id
from app.core.repositories.comparing import base_correspondences, count_gone, find_base_run, find_threshold
from app.core.repositories.features import nearest_with_features
from app.core.storage import LocalStorage
from tests.app.runs.rows import StoredCorpus, add_published_run, add_run, store_corpus
from tests.factories import add_workspace

_CORRESPONDENCE = [0.1, 0.9, 0.2, 0.8]


@pytest.fixture
def stored(session: Session, tmp_path: Path) -> StoredCorpus:
    workspace = add_workspace(session)
    return store_corpus(session, workspace.id, LocalStorage(tmp_path), [["a", "b"], ["c", "d"]])


@pytest.fixture
def second(session: Session, stored: StoredCorpus) -> CorpusVersion:
    """A second version, with the second and third pair of the first, the third with other words."""
    version = _child(session, stored.version, number=2)
    image_id = stored.images[0].id
    for ordinal, (pair, caption) in enumerate([(stored.pairs[1], "b"), (stored.pairs[2], "c, but otherwise")]):
        session.add(
            Pair(
                workspace_id=version.workspace_id,
                corpus_version_id=version.id,
                ordinal=ordinal,
                pair_key=pair.pair_key,
                image_id=image_id,
                caption_ordinal=ordinal,
                caption=caption,
                source_path="x.png",
                row_number=1,
            )
        )
    session.flush()
    return version


def _child(session: Session, parent: CorpusVersion, number: int) -> CorpusVersion:
    counts = dict.fromkeys(("n_read", "n_accepted", "n_images", "n_captions"), 2)
    version = CorpusVersion(
        id=new_id(),
        workspace_id=parent.workspace_id,
        corpus_id=parent.corpus_id,
        number=number,
        n_rejected=0,
        parent_id=parent.id,
        **counts,
    )
    session.add(version)
    session.flush()
    return version


class TestFindBaseRun:
    def test_a_first_version_has_none(self, session: Session, stored: StoredCorpus) -> None:
        add_published_run(session, stored, _CORRESPONDENCE)
        assert find_base_run(session, stored.version) is None

    def test_it_is_the_newest_published_one_of_all_versions_before(
        self, session: Session, stored: StoredCorpus, second: CorpusVersion
    ) -> None:
        add_published_run(session, stored, _CORRESPONDENCE)
        newest = add_published_run(session, stored, _CORRESPONDENCE)
        add_run(session, stored)  # which has no report yet
        third = _child(session, second, number=3)
        assert find_base_run(session, third) == newest.id


class TestBaseCorrespondences:
    def test_a_pair_is_known_by_its_key_and_its_words(
        self, session: Session, stored: StoredCorpus, second: CorpusVersion
    ) -> None:
        run = add_published_run(session, stored, _CORRESPONDENCE)
        ((ordinal, correspondence),) = base_correspondences(session, run.id, second.id)
        assert ordinal == 0
        assert correspondence == pytest.approx(0.9)


class TestACorrectedImage:
    def test_makes_another_pair_that_inherits_nothing(
        self, session: Session, stored: StoredCorpus, second: CorpusVersion
    ) -> None:
        run = add_published_run(session, stored, _CORRESPONDENCE)
        pair = session.execute(select(Pair).where(Pair.corpus_version_id == second.id, Pair.ordinal == 0)).scalar_one()
        pair.image_id = stored.images[1].id
        session.flush()
        assert base_correspondences(session, run.id, second.id) == []
        assert count_gone(session, run.id, second.id, threshold=1.0) == 4


class TestNearestWithFeatures:
    def test_a_version_in_between_may_have_none(
        self, session: Session, stored: StoredCorpus, second: CorpusVersion
    ) -> None:
        assert nearest_with_features(session, second.id) is None
        session.add(
            FeatureSet(
                workspace_id=second.workspace_id,
                corpus_version_id=stored.version.id,
                fingerprint="f" * 64,
                storage_prefix="features/x",
                image_dim=8,
            )
        )
        session.flush()
        assert nearest_with_features(session, second.id) == stored.version.id


class TestCountGone:
    def test_flagged_pairs_that_are_there_no_more_are_counted(
        self, session: Session, stored: StoredCorpus, second: CorpusVersion
    ) -> None:
        run = add_published_run(session, stored, _CORRESPONDENCE)
        counts = [count_gone(session, run.id, second.id, threshold=cut) for cut in (0.1, 0.5, 0.85, 1.0)]
        assert counts == [0, 2, 3, 3]


class TestFindThreshold:
    def test_of_a_run_that_is_gone_there_is_none(self, session: Session, stored: StoredCorpus) -> None:
        run = add_published_run(session, stored, _CORRESPONDENCE, summary={"threshold": 0.25})
        assert (find_threshold(session, run.id), find_threshold(session, new_id())) == (0.25, None)
