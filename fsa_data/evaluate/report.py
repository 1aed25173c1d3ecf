"""``report.html``: one file that needs nothing else, the answer first.

Every number and figure comes from the prediction table and ``results.json``, which is computed from it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from fsa_data.evaluate import figures, html, metrics
from fsa_data.evaluate.files import write_atomic
from fsa_data.evaluate.predictions import FAKE, REAL, Predictions
from fsa_data.evaluate.results import count, plain_name
from fsa_data.types import Image, Json

STAND_IN = (
    "simdrive is a stand-in: its drivers are drawn by a program, and nobody was filmed. These figures show that the "
    "whole chain works. They are no evidence about people, real cabins, or the use of swapped faces."
)
_DOMAINS = {REAL: "real frames of held-out subjects", FAKE: "swapped frames of held-out subjects"}
_WHY = {"target": "in the frame", "source": "as the face worn", "trained_on": "in the engine's training"}
TRAINED = {
    "real_only": "real frames only",
    "fake_only": "swapped frames only",
    "hybrid": "real and swapped frames",
    "real_duplicated": "real frames, each twice",
    "real_more": "twice as many real frames",
    "face_blur": "real frames and frames with blurred faces",
    "face_cutout": "real frames and frames with the face cut out",
    "self_swap": "real frames and frames with the driver's own face put on",
    "classical": "real frames with RandAugment",
}


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A frame and its swap, for the gallery.

    Attributes:
        real: ``(H, W, 3)`` uint8 RGB.
        fake: the same frame with another face.
        label: class name.
        subject: who is in the frame.
        source_identity: whose face the fake wears.
    """

    real: Image
    fake: Image
    label: str
    subject: str
    source_identity: str


@dataclass(frozen=True, slots=True)
class Background:
    """What a report tells besides the results.

    Attributes:
        config: the configuration of the run, as text.
        audits: lineage audit of every fold, by name.
        provenance: versions, machine, command: names and values.
        gallery: real/fake pairs.
    """

    config: str
    audits: Mapping[str, Json]
    provenance: Mapping[str, str]
    gallery: Sequence[Pair] = ()


def write_report(run: Path, results: Mapping[str, Any], table: Predictions, background: Background) -> Path:
    """Write ``report.html`` and ``figures/*.png`` into a run directory.

    Args:
        run: the directory.
        results: content of ``results.json``.
        table: content of ``predictions.csv``.
        background: configuration, audits, provenance, gallery.

    Returns:
        The path of ``report.html``.
    """
    pictures = draw_figures(results, table)
    for name, data in pictures.items():
        write_atomic(run / "figures" / name, data)
    write_pairs(run / "figures", "pair", background.gallery)
    body = "\n".join(
        [
            _headline(results, table),
            _scores(results, table, pictures),
            _subjects(results, table, pictures),
            _coverage(results, pictures),
            _gallery(background.gallery),
            _lineage(results, background.audits),
            _origin(results, background),
        ]
    )
    path = run / "report.html"
    write_atomic(path, html.page(f"{results['setup']} on {results['data']}", body))
    return path


def draw_figures(results: Mapping[str, Any], table: Predictions) -> dict[str, bytes]:
    """PNG files by name."""
    out = {}
    for domain, words in _DOMAINS.items():
        if results["test"][domain] is None:
            continue
        summary = results["test"][domain]
        out[f"confusion_{domain}.png"] = figures.confusion_figure(
            np.array(summary["confusion"]), results["classes"], f"Confusion on {words}, % of the true class"
        )
        scores = metrics.subject_macro_f1(table.domain_rows(domain))
        out[f"subjects_{domain}.png"] = figures.subjects_figure(
            scores, summary["macro_f1"], f"Macro-F1 per subject, {domain} frames"
        )
    for by in ("class", "subject"):
        cover = results["coverage"][f"by_{by}"]
        if results["coverage"]["swapped"] + results["coverage"]["skipped"]:
            order = results["classes"] if by == "class" else sorted(cover)
            cover = {name: cover[name] for name in order if name in cover}
            swapped, skipped = ({name: int(cover[name][key]) for name in cover} for key in ("swapped", "skipped"))
            out[f"coverage_{by}.png"] = figures.coverage_figure(swapped, skipped, f"Swaps per {by}")
    return out


def _headline(results: Mapping[str, Any], table: Predictions) -> str:
    real, folds = results["test"][REAL], results["folds"]
    held_out = sum(len(fold["test_subjects"]) for fold in folds)
    fakes = sum(fold["n_train_fake"] for fold in folds) / len(folds)
    reals = sum(fold["n_train_real"] for fold in folds) / len(folds)
    trained = " ".join([TRAINED.get(results["setup"], results["setup"]), *results["cv"].split(":")[1:]])
    chance = 1 / max(len(results["classes"]) - len(metrics.absent_classes(np.array(real["confusion"]))), 1)
    rows = []
    for domain in _DOMAINS:
        test = results["test"][domain]
        if test is not None:
            mean, sd = test["macro_f1_subject_mean"], test["macro_f1_subject_sd"]
            spread = f"{mean:.3f}" + (f" ± {sd:.3f}" if sd is not None else "")
            rows.append([f"{domain} frames", test["macro_f1"], html.Number(spread), test["accuracy"], test["n"]])
    header = ["tested on", "macro-F1", "per subject", "accuracy", "frames"]
    without = "one" if all(len(fold["test_subjects"]) == 1 for fold in folds) else "some"
    return "\n".join(
        [
            f"<h1>{results['setup']} on {escape(str(results['data']))}: macro-F1 {real['macro_f1']:.2f} "
            "on real frames of people who were not trained on</h1>",
            html.paragraph(
                f"{results['model']} was trained {len(folds)} times on {trained} (on average {reals:.0f} real and "
                f"{fakes:.0f} swapped), each time without {without} of the subjects, and tested on what was "
                f"left out: {held_out} subjects in all. Guessing would reach about {chance:.2f}."
            ),
            html.paragraph(STAND_IN, "note") if plain_name(results["data"]) == "simdrive" else "",
            html.table(
                header, rows, kind="headline", main=1, caption=f"Trained on {trained}, tested on people left out"
            ),
            html.paragraph(
                "Macro-F1 is the mean over classes of the F1 of the pooled predictions; the mean and deviation over "
                "subjects stand beside it (folds share training subjects, so it is no standard error)."
                + (" Swaps tested on swaps say nothing about real drivers." if len(rows) > 1 else ""),
                "soft",
            ),
        ]
    )


def _scores(results: Mapping[str, Any], table: Predictions, pictures: Mapping[str, bytes]) -> str:
    classes = results["classes"]
    parts = []
    for domain, words in _DOMAINS.items():
        test = results["test"][domain]
        if test is None:
            continue
        matrix = np.array(test["confusion"])
        worst = metrics.largest_confusions(matrix, 5)
        listed = "; ".join(f"{classes[t]} read as {classes[p]} ({n} of {matrix[t].sum()})" for t, p, n in worst)
        absent = ", ".join(classes[c] for c in metrics.absent_classes(matrix))
        parts += [
            f"<h3>On {words}</h3>",
            html.paragraph(f"Most frequent confusions: {listed}." if listed else "No confusion at all."),
            html.paragraph(f"Classes without a test frame, left out of macro-F1: {absent}.") if absent else "",
            html.image(
                pictures[f"confusion_{domain}.png"],
                "image/png",
                f"Confusion matrix on {words}, rows true, columns predicted. {listed}",
                f"Rows are true classes, columns predicted ones. Label map {results['label_map_hash']}.",
                wide=True,
            ),
            html.table(
                ["class", "frames", "F1", "precision", "recall"],
                [[c["class"], c["n"], c["f1"], c["precision"], c["recall"]] for c in test["per_class"]],
            ),
        ]
    return html.section("Which actions are recognised", *parts)


def _subjects(results: Mapping[str, Any], table: Predictions, pictures: Mapping[str, bytes]) -> str:
    real = table.domain_rows(REAL)
    scores = metrics.subject_macro_f1(real)
    fake = metrics.subject_macro_f1(table.domain_rows(FAKE))
    fold_of = dict(zip(real.subject, real.fold, strict=True))
    rows: list[list[object]] = []
    for subject, score in scores.items():
        own = metrics.table_confusion(real.where(np.asarray(real.subject == subject, dtype=bool)))
        missing = len(metrics.absent_classes(own))
        line = [subject, fold_of[subject], int(own.sum()), score, metrics.accuracy(own), missing]
        rows.append([*line, fake.get(subject)] if fake else line)
    header = ["subject", "fold", "frames", "macro-F1", "accuracy", "classes without a frame"]
    low = min(scores, key=lambda subject: scores[subject])
    return html.section(
        "How much it depends on the person",
        html.paragraph(f"Hardest subject: {low}, macro-F1 {scores[low]:.2f}; easiest: {max(scores.values()):.2f}."),
        html.image(
            pictures["subjects_real.png"],
            "image/png",
            "Macro-F1 per subject: " + ", ".join(f"{name} {score:.2f}" for name, score in scores.items()),
        ),
        html.table([*header, "macro-F1 on swaps"] if fake else header, rows),
        html.table(
            ["fold", "tests", "real trained on", "swaps trained on", "real tested", "macro-F1"],
            [
                [
                    f["fold"], _names(f["test_subjects"]), f["n_train_real"], f["n_train_fake"], f["n_test"],
                    f["macro_f1_real"],
                ]
                for f in results["folds"]
            ],
            caption="Folds",
        ),
    )  # fmt: skip


def _coverage(results: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    cover = results["coverage"]
    total = cover["swapped"] + cover["skipped"]
    if not total:
        return ""
    reasons = sorted(cover["by_reason"].items(), key=lambda item: -item[1])
    parts = [
        html.paragraph(
            f"{cover['swapped']} of {total} swaps were made ({cover['swapped'] / total:.1%}). A frame without a swap "
            "is missing from the swapped frames of its class: uneven coverage is a bias of its own."
        ),
        html.table(["outcome", "frames"], reasons),
    ]
    for by in ("class", "subject"):
        if f"coverage_{by}.png" in pictures:
            told = ", ".join(
                f"{k} {v['swapped']} of {v['swapped'] + v['skipped']}" for k, v in cover[f"by_{by}"].items()
            )
            parts.append(html.image(pictures[f"coverage_{by}.png"], "image/png", f"Swaps per {by}: {told}"))
    return html.section("What could be swapped", *parts)


def write_pairs(folder: Path, name: str, pairs: Sequence[Pair]) -> None:
    """Pairs as ``NAME-00.jpg`` ..., and ``NAMEs.csv`` that says what they show, for reports of several runs."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["file", "label", "subject", "source_identity"])
    for number, pair in enumerate(pairs):
        file = f"{name}-{number:02d}.jpg"
        write_atomic(folder / file, _side_by_side(pair))
        writer.writerow([file, pair.label, pair.subject, pair.source_identity])
    if pairs:
        write_atomic(folder / f"{name}s.csv", out.getvalue())


def _gallery(pairs: Sequence[Pair]) -> str:
    if not pairs:
        return ""
    tiles = [
        html.image(
            _side_by_side(pair),
            "image/jpeg",
            f"{pair.label}: subject {pair.subject}, left the real frame, right with the face of {pair.source_identity}",
            f"{pair.label} · {pair.subject} wearing {pair.source_identity}",
        )
        for pair in pairs
    ]
    return html.section(
        "Pairs: left real, right swapped",
        html.paragraph("One swap of every class and some more, drawn by the seed of the run, not by looks. The right "
                       "half of each picture is synthetic."),
        f'<div class="gallery">{"".join(tiles)}</div>',
    )  # fmt: skip


def _lineage(results: Mapping[str, Any], audits: Mapping[str, Json]) -> str:
    lineage = results["lineage"]
    return html.section(
        "Who was kept out of training",
        html.paragraph(
            f"{lineage['violations']} violations; {lineage['excluded']} rows left out over all folds because the "
            "held-out person is in them, or lent the face, or the engine learned from that person."
        ),
        html.table(
            ["fold", *_WHY.values(), "violations"],
            [
                [name, *(audit.get("excluded_by_why", {}).get(why, 0) for why in _WHY), count(audit, "violations")]
                for name, audit in audits.items()
            ],
            caption="Rows left out of training, by the way they carry a held-out person",
        ),
    )


def _origin(results: Mapping[str, Any], background: Background) -> str:
    timing = json.dumps(results["timing"], indent=2, ensure_ascii=False)
    return html.section(
        "Where this comes from",
        html.table(["", ""], list(background.provenance.items())),
        html.preformatted(background.config, "Configuration"),
        html.preformatted(timing, "Timing, seconds"),
    )


def _names(subjects: Sequence[str]) -> str:
    return ", ".join(subjects) if len(subjects) <= 6 else f"{', '.join(subjects[:5])} and {len(subjects) - 5} more"


def _side_by_side(pair: Pair) -> bytes:
    """Both frames in one JPEG, at most 240 pixels high."""
    import cv2

    gap = np.full((pair.real.shape[0], 4, 3), 255, np.uint8)
    sheet = np.hstack([pair.real, gap, pair.fake])[..., ::-1]
    scale = min(240 / sheet.shape[0], 1.0)
    size = (max(round(sheet.shape[1] * scale), 1), max(round(sheet.shape[0] * scale), 1))
    small = cv2.resize(sheet, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
