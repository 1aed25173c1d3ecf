import numpy as np

from fsa_data.evaluate import REAL, FoldFacts, RunFacts, concatenate, fold_predictions

CLASSES = ("Look left", "Look right", 'Drink "cup", <b>', "Gähnen")


def make_table(seed=0, subjects=("ann", "bea", "cyd"), per_subject=12, domain=REAL, classes=CLASSES):
    """Random predictions, one fold per subject, better than chance."""
    rng = np.random.default_rng(seed)
    tables = []
    for subject in subjects:
        label = np.arange(per_subject) % len(classes)
        logits = rng.normal(size=(per_subject, len(classes))) + 1.5 * np.eye(len(classes))[label]
        probability = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
        tables.append(
            fold_predictions(
                classes, probability, label, seed=seed, fold=f"fold {subject}", domain=domain,
                subject=[subject] * per_subject, frame=[f"{subject}/f,{i}" for i in range(per_subject)],
                source_identity=["" if domain == REAL else "donor"] * per_subject,
            )
        )  # fmt: skip
    return concatenate(tables)


FACTS = RunFacts("hybrid", "simdrive", ["portraits", "simdrive"], "mesh_warp", "efficientnet_b1", "loso", 0, "abc123")

COVERAGE = {
    "swapped": 30,
    "skipped": 6,
    "by_reason": {"swapped": 30, "profile": 6},
    "by_class": {name: {"swapped": 9 - 3 * (i > 1), "skipped": 3 * (i > 1)} for i, name in enumerate(CLASSES)},
    "by_subject": {name: {"swapped": 10, "skipped": 2} for name in ("ann", "bea", "cyd")},
}


def folds_of(table):
    """Facts of the folds in a table, one subject each."""
    return [
        FoldFacts(fold, (fold.removeprefix("fold "),), 24, 20, 8, 1.5, {"excluded": 7, "violations": 0})
        for fold in sorted(set(table.fold))
    ]
