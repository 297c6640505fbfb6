import json
from pathlib import Path

import pytest

from tests.mispair.commands.running import CommandLine
from tests.mispair.fake_server import CALIBRATED, FakeServer, problem

pytestmark = pytest.mark.usefixtures("served")
NO_CAPTIONS = {"code": "no_caption_column", "detail": "captions.csv: columns id, image; expected caption"}


@pytest.fixture
def run_id(mispair: CommandLine, archive: Path, served: str) -> str:
    corpus_id = mispair("upload", archive, "--url", served).out.strip()
    return mispair("run", corpus_id, "--url", served).out.strip()


class TestUpload:
    def test_prints_the_corpus_id_and_nothing_else_on_stdout(
        self, mispair: CommandLine, archive: Path, fake: FakeServer
    ) -> None:
        ended = mispair("upload", archive)
        assert (ended.code, ended.out) == (0, "corpus-1\n")
        assert fake.corpora["corpus-1"]["name"] == "birds"
        assert fake.archives["corpus-1"] == archive.read_bytes()
        assert "uploading birds.v2.zip: done" in ended.err

    def test_counts_rejected_rows_by_reason(self, mispair: CommandLine, archive: Path, fake: FakeServer) -> None:
        fake.n_rejected = 3
        ended = mispair("upload", archive, "--name", "my birds")
        assert "7 rows read: 4 pairs of 2 images accepted, 3 rejected" in ended.err
        assert "3 missing_image" in ended.err

    def test_a_refused_archive_leaves_no_corpus(self, mispair: CommandLine, tmp_path: Path, fake: FakeServer) -> None:
        wrong = tmp_path / "notes.txt"
        wrong.write_text("hello")
        ended = mispair("upload", wrong)
        assert ended.code == 3
        assert "mispair: the body is neither a zip nor a tar archive (415 unsupported_archive)" in ended.err
        assert "request request-1" in ended.err
        assert fake.corpora == {}

    def test_a_failed_import_ends_with_5_and_the_services_words(
        self, mispair: CommandLine, archive: Path, fake: FakeServer
    ) -> None:
        fake.import_error = NO_CAPTIONS
        ended = mispair("upload", archive)
        assert (ended.code, ended.out) == (5, "")
        assert "corpus corpus-1 failed: captions.csv: columns id, image; expected caption (no_caption_column)" in (
            ended.err
        )
        assert "Traceback" not in ended.err

    def test_a_missing_file_is_wrong_usage(self, mispair: CommandLine) -> None:
        ended = mispair("upload", "nowhere.zip")
        assert ended.code == 2
        assert "nowhere.zip" in ended.err


class TestRun:
    @pytest.mark.usefixtures("run_id")
    def test_settings_are_joined_and_sent(self, mispair: CommandLine, tmp_path: Path, fake: FakeServer) -> None:
        settings = tmp_path / "run.toml"
        settings.write_text('seed = 1\nencoder = "toy"\n')
        ended = mispair("run", "corpus-1", "--config", settings, "--set", "seed=7", "--set", "round_epochs=[2,4]")
        assert (ended.code, ended.out) == (0, "run-2\n")
        assert fake.runs["run-2"]["config"] == {"seed": 7, "encoder": "toy", "round_epochs": [2, 4]}
        assert "1 of 4 pairs (25.0%) flagged: correspondence < 0.5" in ended.err

    @pytest.mark.usefixtures("run_id")
    def test_what_the_decoys_say_is_told(self, mispair: CommandLine, fake: FakeServer) -> None:
        fake.summary = fake.summary | CALIBRATED
        assert (
            "noise rate about 21.3% (95 % interval: 19.8% to 22.9%); 93.4% of the flagged expected to be mismatches\n"
        ) in mispair("run", "corpus-1").err

    @pytest.mark.usefixtures("run_id")
    def test_a_weak_calibration_says_why(self, mispair: CommandLine, fake: FakeServer) -> None:
        weak = {"reliability": "weak", "reliability_reason": "wide_interval"}
        fake.summary = fake.summary | CALIBRATED | weak
        assert "; reliability weak: the noise rate is known poorly\n" in mispair("run", "corpus-1").err

    @pytest.mark.usefixtures("run_id")
    def test_where_nothing_is_flagged_no_precision_is_told(self, mispair: CommandLine, fake: FakeServer) -> None:
        fake.summary = fake.summary | CALIBRATED | {"expected_precision": None}
        assert "(95 % interval: 19.8% to 22.9%)\n" in mispair("run", "corpus-1").err

    @pytest.mark.usefixtures("run_id")
    @pytest.mark.parametrize(
        ("code", "told"),
        [
            (None, "no decoys were planted"),
            ("not_planted", "the run planted no decoys"),
            ("not_separable", "the corpus's pairs score like decoys"),
            ("a_newer_reason", "a newer reason"),
        ],
    )
    def test_why_there_is_no_calibration_is_told(
        self, mispair: CommandLine, fake: FakeServer, code: str | None, told: str
    ) -> None:
        fake.summary = fake.summary | {"reliability_reason": code}
        assert f"not calibrated: {told}\n" in mispair("run", "corpus-1").err

    @pytest.mark.usefixtures("run_id")
    def test_detach_does_not_wait(self, mispair: CommandLine, fake: FakeServer) -> None:
        assert mispair("run", "corpus-1", "--detach").code == 0
        assert fake.runs["run-2"]["state"] == "queued"

    @pytest.mark.usefixtures("run_id")
    def test_a_failed_run_ends_with_5(self, mispair: CommandLine, fake: FakeServer) -> None:
        fake.run_error = {"code": "diverged", "detail": "the loss is not finite"}
        ended = mispair("run", "corpus-1")
        assert ended.code == 5
        assert "the loss is not finite (diverged)" in ended.err

    def test_an_unknown_corpus_is_refused(self, mispair: CommandLine) -> None:
        assert mispair("run", "corpus-9").code == 3

    @pytest.mark.parametrize("content", ["seed = ", "[1]"])
    def test_a_damaged_settings_file_is_wrong_usage(self, mispair: CommandLine, tmp_path: Path, content: str) -> None:
        settings = tmp_path / "run.json"
        settings.write_text(content)
        assert mispair("run", "corpus-1", "--config", settings).code == 2

    def test_an_assignment_needs_an_equals_sign(self, mispair: CommandLine) -> None:
        ended = mispair("run", "corpus-1", "--set", "seed")
        assert ended.code == 2
        assert "KEY=VALUE" in ended.err


class TestReport:
    def test_shows_the_worst_rows(self, mispair: CommandLine, run_id: str) -> None:
        ended = mispair("report", run_id, "--limit", 2)
        assert ended.code == 0
        lines = ended.out.splitlines()
        assert lines[0].split("\t") == ["rank", "correspondence", "flag", "image", "caption", "pair", "reason"]
        assert lines[1].split("\t") == [
            "1",
            "0.200",
            "mismatch",
            "images/1.jpg",
            "caption 1",
            "key-1",
            "better_caption",
        ]
        assert len(lines) == 3

    def test_one_reason_can_be_asked_for(self, mispair: CommandLine, run_id: str, fake: FakeServer) -> None:
        assert mispair("report", run_id, "--reason", "better_caption").code == 0
        assert fake.requests[-1].url.params["reason"] == "better_caption"

    def test_only_the_best_captions_can_be_asked_for(self, mispair: CommandLine, run_id: str, fake: FakeServer) -> None:
        assert mispair("report", run_id, "--best-captions", "2").code == 0
        assert fake.requests[-1].url.params["best_captions"] == "2"

    def test_saves_in_the_format_of_the_name(
        self, mispair: CommandLine, run_id: str, tmp_path: Path, fake: FakeServer
    ) -> None:
        ended = mispair("report", run_id, "-o", tmp_path / "report.parquet", "--threshold", 0.4)
        assert ended.code == 0
        assert fake.requests[-1].url.path.endswith("report.parquet")
        assert fake.requests[-1].url.params["threshold"] == "0.4"
        assert (tmp_path / "report.parquet").exists()

    def test_a_rate_goes_in_place_of_a_threshold(self, mispair: CommandLine, run_id: str, fake: FakeServer) -> None:
        assert mispair("report", run_id, "--fdr", 0.05).code == 0
        assert fake.requests[-1].url.params["fdr"] == "0.05"
        assert "threshold" not in fake.requests[-1].url.params

    def test_a_rate_and_a_threshold_exclude_each_other(self, mispair: CommandLine, run_id: str) -> None:
        ended = mispair("report", run_id, "--fdr", 0.05, "--threshold", 0.3)
        assert ended.code == 2
        assert "--fdr" in ended.err

    def test_a_folder_that_is_not_there_is_wrong_usage(self, mispair: CommandLine, run_id: str) -> None:
        ended = mispair("report", run_id, "-o", "no/such/folder/report.csv")
        assert ended.code == 2
        assert "does not exist" in ended.err

    def test_an_unknown_run_is_refused(self, mispair: CommandLine) -> None:
        assert mispair("report", "run-9").code == 3


class TestSearch:
    def test_by_text(self, mispair: CommandLine, run_id: str) -> None:
        lines = mispair("search", run_id, "a red dog", "-k", 3).out.splitlines()
        assert lines[1].split("\t") == ["1", "0.900", "0.200", "mismatch", "images/1.jpg", "caption 1"]

    def test_an_image_asks_for_captions(
        self, mispair: CommandLine, run_id: str, tmp_path: Path, fake: FakeServer
    ) -> None:
        picture = tmp_path / "picture.png"
        picture.write_bytes(b"\x89PNG")
        assert mispair("search", run_id, "--image", picture).code == 0
        assert fake.requests[-1].url.params["returns"] == "captions"

    def test_a_rate_goes_in_place_of_a_threshold(self, mispair: CommandLine, run_id: str, fake: FakeServer) -> None:
        assert mispair("search", run_id, "a red dog", "--fdr", 0.05).code == 0
        assert json.loads(fake.requests[-1].content)["fdr"] == 0.05

    def test_a_rate_and_a_threshold_exclude_each_other(self, mispair: CommandLine) -> None:
        assert mispair("search", "run-1", "a red dog", "--fdr", 0.05, "--threshold", 0.3).code == 2

    def test_text_and_image_exclude_each_other(self, mispair: CommandLine) -> None:
        assert mispair("search", "run-1").code == 2


class TestKeys:
    def test_only_the_key_is_on_stdout(self, mispair: CommandLine, fake: FakeServer) -> None:
        ended = mispair("keys", "create", "laptop", "--expires-at", "2027-01-31")
        assert (ended.code, ended.out) == (0, "mispair_abc_new\n")
        assert fake.keys["key-1"]["expires_at"] == "2027-01-31T00:00:00+00:00"

    def test_list_and_revoke(self, mispair: CommandLine) -> None:
        mispair("keys", "create", "laptop")
        assert "laptop" in mispair("keys", "list").out
        assert mispair("keys", "revoke", "key-1").code == 0
        assert "laptop" not in mispair("keys", "list").out


class TestClean:
    def test_archive_in_report_out(self, mispair: CommandLine, archive: Path, tmp_path: Path) -> None:
        report = tmp_path / "report.csv"
        ended = mispair("clean", archive, "-o", report, "--set", "seed=2")
        assert ended.code == 0
        assert report.read_text().startswith("pair_key,")
        assert "1 of 4 pairs" in ended.out
        assert str(report) in ended.out

    def test_a_rate_becomes_the_runs_own(
        self, mispair: CommandLine, archive: Path, tmp_path: Path, fake: FakeServer
    ) -> None:
        assert mispair("clean", archive, "-o", tmp_path / "report.csv", "--fdr", 0.05).code == 0
        assert fake.runs["run-1"]["config"] == {"fdr": 0.05}
        assert "fdr" not in fake.requests[-1].url.params

    @pytest.mark.parametrize("threshold", [["--threshold", "0.3"], ["--set", "threshold=0.3"]])
    def test_a_rate_and_a_threshold_are_refused_before_the_work(
        self, mispair: CommandLine, archive: Path, tmp_path: Path, fake: FakeServer, threshold: list[str]
    ) -> None:
        assert mispair("clean", archive, "-o", tmp_path / "report.csv", "--fdr", 0.05, *threshold).code == 2
        assert fake.requests == []

    def test_where_the_report_cannot_go_is_said_before_the_work(
        self, mispair: CommandLine, archive: Path, fake: FakeServer
    ) -> None:
        assert mispair("clean", archive, "-o", "no/folder/report.csv").code == 2
        assert fake.requests == []


class TestFailures:
    def test_no_server_ends_with_4(self, mispair: CommandLine, monkeypatch: pytest.MonkeyPatch, archive: Path) -> None:
        monkeypatch.setenv("MISPAIR_URL", "http://127.0.0.1:1")
        ended = mispair("upload", archive)
        assert ended.code == 4
        assert "no server answers at http://127.0.0.1:1" in ended.err

    def test_no_settings_end_with_2(self, mispair: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MISPAIR_URL")
        monkeypatch.delenv("MISPAIR_KEY")
        ended = mispair("keys", "list")
        assert ended.code == 2
        assert "no server address is known" in ended.err

    def test_interrupted_ends_with_130(
        self, mispair: CommandLine, monkeypatch: pytest.MonkeyPatch, archive: Path
    ) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("mispair.commands.upload.follow_import", interrupt)
        assert mispair("upload", archive).code == 130

    @pytest.mark.usefixtures("run_id")
    def test_several_faults_are_listed(self, mispair: CommandLine, fake: FakeServer) -> None:
        faults = [{"loc": ["body", name], "code": "x", "detail": f"bad {name}"} for name in ("seed", "model")]
        fake.failures.append(lambda _: problem(422, "invalid_payload", "body.seed: bad seed", errors=faults))
        ended = mispair("run", "corpus-1")
        assert ended.code == 3
        assert "  body.model: bad model" in ended.err
