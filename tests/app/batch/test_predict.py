"""Many photographs scored into one table: resume, changed photographs, what is left behind."""

import pandas as pd
import pytest

from retina_xai.app.batch.predict import predict_batch
from retina_xai.errors import BatchError, UsageError
from retina_xai.io.images import read_image, write_png
from retina_xai.localization import predict
from retina_xai.models.checkpoint import load_classifier
from retina_xai.training.phantoms.phantom import make_phantom


@pytest.fixture
def eyes(tmp_path):
    """Three phantoms; two have one name."""
    for seed, place in enumerate(("a/eye.png", "b/eye.png", "c/other.png")):
        write_png(tmp_path / place, make_phantom(seed, 288, 352, grade=3).pixels)
    return [tmp_path / place for place in ("a/eye.png", "b/eye.png", "c/other.png")]


def silent(name, line):
    pass


def interrupting_at(count):
    names = []

    def on_done(name, line):
        names.append(name)
        if len(names) == count:
            raise KeyboardInterrupt

    return on_done


def test_an_interrupted_run_resumes_and_equals_an_uninterrupted_one(eyes, weights, tmp_path):
    classifier, lines = load_classifier(weights), []
    predict_batch(eyes, classifier, tmp_path / "whole.csv", lambda name, line: lines.append(line))
    table = pd.read_csv(tmp_path / "whole.csv")
    verdicts = [predict(read_image(path), classifier) for path in eyes]
    assert table["path"].tolist() == [str(path) for path in eyes]
    assert table["rdr_score"].tolist() == pytest.approx([verdict.score for verdict in verdicts], abs=1e-12)
    assert lines == [f"{verdict.decision} ({verdict.score:.3f})" for verdict in verdicts]
    with pytest.raises(KeyboardInterrupt):
        predict_batch(eyes, classifier, tmp_path / "stopped.csv", interrupting_at(2))
    assert not (tmp_path / "stopped.csv").exists()
    lines.clear()
    predict_batch(eyes, classifier, tmp_path / "stopped.csv", lambda name, line: lines.append(line))
    assert lines[:2] == ["done before", "done before"]
    assert (tmp_path / "stopped.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "c", "whole.csv", "stopped.csv"}


def test_photographs_that_changed_are_scored_again_and_other_weights_refused(eyes, weights, slow_weights, tmp_path):
    classifier, lines = load_classifier(weights), []
    with pytest.raises(KeyboardInterrupt):
        predict_batch(eyes, classifier, tmp_path / "s.csv", interrupting_at(2))
    write_png(eyes[0], make_phantom(9, 288, 352).pixels)
    with pytest.raises(
        UsageError, match=r"s\.csv\.parts/settings\.json: this folder was made with other settings .mod"
    ):
        predict_batch(eyes, load_classifier(slow_weights), tmp_path / "s.csv", silent)
    predict_batch(eyes, classifier, tmp_path / "s.csv", lambda name, line: lines.append(line))
    assert [line == "done before" for line in lines] == [False, True, False]
    table = pd.read_csv(tmp_path / "s.csv")
    assert table["rdr_score"][0] == pytest.approx(predict(read_image(eyes[0]), classifier).score, abs=1e-12)


def test_a_photograph_that_fails_is_left_out_of_the_table_and_tried_again(eyes, weights, tmp_path):
    classifier, content = load_classifier(weights), eyes[1].read_bytes()
    eyes[1].write_bytes(b"no image")
    with pytest.raises(BatchError, match=r"1 of 3 photographs failed \(eye\.png\); the others are done"):
        predict_batch(eyes, classifier, tmp_path / "s.csv", silent)
    assert pd.read_csv(tmp_path / "s.csv")["path"].tolist() == [str(eyes[0]), str(eyes[2])]
    eyes[1].write_bytes(content)
    lines = []
    predict_batch(eyes, classifier, tmp_path / "s.csv", lambda name, line: lines.append(line))
    assert [line == "done before" for line in lines] == [True, False, True]
    assert len(pd.read_csv(tmp_path / "s.csv")) == 3
