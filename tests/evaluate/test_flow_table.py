"""Tables and figure of scored flows: worked out by hand on a few made-up swaps."""

import csv
import io
import math

import cv2
import numpy as np
import pytest

from fsa_data.errors import ConfigError, OutputError
from fsa_data.evaluate import check_scores_folder, flow_lines, flows_text, swap_lines, write_scores
from fsa_data.evaluate.flow_figure import cdf_figure
from fsa_data.evaluate.flow_table import FRAME_COLUMNS, common_frames, csv_text, frame_rows
from fsa_data.quality import Kept, LandmarkScores
from fsa_data.types import Reason
from fsa_data.worker import ScoredSwap
from fsa_data.worker.score import Outcome
from fsa_data.worker.score_clips import Looked

NAN = math.nan


def clip(name, scores):
    points = np.zeros((len(scores), 68, 2), np.float32)
    points[np.isnan(scores)] = np.nan
    return Looked(name, "", tuple(f"f{i}" for i in range(len(scores))), points, (), {}, ())


def swap(flow, identity, target, scores, outcomes):
    """Scores by frame; outcomes by frame: an expression error, ``None`` for not found again, or a reason."""
    scores = np.array(scores, float)
    q95 = float(np.nanpercentile(scores, 95)) if np.isfinite(scores).any() else NAN
    nearest = np.where(np.isnan(scores), -1, 0)
    made = {
        at: Outcome(what)
        if isinstance(what, Reason)
        else Outcome(
            Reason.SWAPPED,
            True,
            None if what is None else Kept(10 * what, what, what / 2, 2 * what, 3 * what, what / 10),
            4.0,
            6.0,
        )
        for at, what in outcomes.items()
    }
    with np.errstate(invalid="ignore"):
        found = LandmarkScores(scores, nearest, q95, scores < q95)
    return ScoredSwap(flow, identity, clip(target, scores), found, ("photo.png",), made)


SWAPS = (
    swap("A", "ann", "x", [1, 2, NAN], {0: 0.1, 1: 0.3, 2: Reason.NO_FACE}),
    swap("A", "bea", "x", [2, 3, NAN], {0: 0.2, 1: None, 2: Reason.NO_FACE}),
    swap("B", "cleo", "x", [5, 6, NAN], {0: 0.5, 1: Reason.PROFILE, 2: Reason.NO_FACE}),
    swap("B", "cleo", "y", [7, 8, 9], {0: 0.9, 2: 0.7}),
)


def test_errors_are_compared_on_frames_that_all_flows_have():
    assert common_frames(SWAPS) == {("x", 0)}
    a, b = flow_lines(SWAPS)
    assert (a.flow, a.swaps, a.common_frames) == ("A", 2, 1)
    assert a.expression_error == pytest.approx((0.1 + 0.2) / 2)
    assert b.expression_error == pytest.approx(0.5)
    assert a.pose_error_deg == pytest.approx(1.5)
    assert (a.coverage, b.coverage) == pytest.approx((4 / 6, 3 / 5))
    assert (a.found_again, b.found_again) == pytest.approx((3 / 4, 1))
    assert a.q95_median == pytest.approx((1.95 + 2.95) / 2)
    assert (a.tone_distance, a.light_distance) == (4, 6)


def test_a_common_frame_counts_once_however_many_identities_were_put_on_it():
    swaps = (
        swap("A", "ann", "x", [1, 1], {0: 0.1, 1: 0.4}),
        swap("A", "bea", "x", [1, 1], {0: 0.3}),
        swap("B", "cleo", "x", [1, 1], {0: 0.0, 1: 0.0}),
    )
    assert flow_lines(swaps)[0].expression_error == pytest.approx(((0.1 + 0.3) / 2 + 0.4) / 2)


def test_swaps_by_line():
    ann, _, cleo, other = swap_lines(SWAPS)
    assert (ann.frames, ann.detected, ann.sampled, ann.median) == (3, 2, 3, 1.5)
    assert ann.expression_error == pytest.approx(0.1)
    assert cleo.coverage == pytest.approx(1 / 3)
    assert math.isnan(other.expression_error)  # none of its frames is common


def test_flows_without_a_frame_in_common_have_no_errors_and_say_so():
    swaps = (swap("A", "ann", "x", [1], {0: 0.1}), swap("B", "bea", "x", [NAN], {0: Reason.NO_FACE}))
    a, b = flow_lines(swaps)
    assert math.isnan(a.expression_error)
    assert (b.coverage, a.common_frames) == (0, 0)
    assert math.isnan(b.q95_median)
    assert math.isnan(b.found_again)
    text = flows_text([a, b])
    assert "nan" not in text
    assert text.splitlines()[3].split()[:3] == ["B", "1", "-"]


def test_rows_of_frames():
    rows = list(csv.DictReader(io.StringIO(csv_text(FRAME_COLUMNS, frame_rows(SWAPS)))))
    assert len(rows) == 12
    assert rows[0]["expression_error"] == "0.1"
    assert rows[0]["nearest"] == "photo.png"
    assert (rows[0]["valid"], rows[1]["valid"]) == ("1", "0")
    lost = rows[2]
    assert (lost["detected"], lost["score"], lost["nearest"], lost["reason"]) == ("0", "", "", "no_face")
    assert (rows[4]["swapped"], rows[4]["expression_error"]) == ("1", "")  # not found again
    assert (rows[10]["sampled"], rows[10]["swapped"], rows[10]["reason"]) == ("0", "", "")
    assert all(len(row) == len(FRAME_COLUMNS) for row in frame_rows(SWAPS))


def test_the_folder_is_written_whole_and_replaced_whole(tmp_path):
    out = tmp_path / "scores"
    check_scores_folder(out, overwrite=False)
    write_scores(out, SWAPS)
    assert {p.name for p in out.iterdir()} == {"scores.csv", "swaps_by_flow.csv", "flows.csv", "cdf.png"}
    first = {p.name: p.read_bytes() for p in out.iterdir()}
    write_scores(out, SWAPS)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == first
    assert [p.name for p in tmp_path.iterdir()] == ["scores"]
    with pytest.raises(ConfigError, match="holds a former result"):
        check_scores_folder(out, overwrite=False)
    check_scores_folder(out, overwrite=True)
    (out / "mine.txt").touch()
    with pytest.raises(ConfigError, match=r"holds other files \(mine.txt"):
        check_scores_folder(out, overwrite=True)
    with pytest.raises(ConfigError, match="is a file"):
        check_scores_folder(out / "mine.txt", overwrite=True)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot write"):
        write_scores(tmp_path / "file" / "scores", SWAPS)
    with pytest.raises(OutputError, match=r"Cannot write to .*file\. Name another folder"):
        check_scores_folder(tmp_path / "file" / "deep" / "scores", overwrite=False)


def test_a_folder_that_may_not_be_written_is_told_before_the_work(tmp_path, request):
    tmp_path.chmod(0o555)
    request.getfixturevalue("unprivileged")
    with pytest.raises(OutputError, match="Name another folder"):
        check_scores_folder(tmp_path / "deep" / "scores", overwrite=False)


@pytest.mark.parametrize(
    "q95",
    [
        {},
        {"none": np.array([])},
        {"one": np.array([3.0]), "zeros": np.zeros(5), "equal": np.full(12, 2.0)},
        {f"folder:/{'long/' * 40}{i}": np.random.default_rng(i).lognormal(1, 0.5, 30) for i in range(10)},
    ],
    ids=["nothing", "no swap", "degenerate", "many"],
)
def test_the_figure_can_be_drawn(q95):
    data = cdf_figure(q95)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[1] > 800
    assert data == cdf_figure(q95)
