"""The configuration of ``train/run.py``: names, types and checks of every key; the values stand in ``configs/``."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from omegaconf import MISSING, DictConfig, ListConfig, OmegaConf

from fsa_data.errors import ConfigError, UnknownNameError

SETUPS = (
    *("real_only", "fake_only", "hybrid"),
    *("real_duplicated", "real_more", "face_blur", "face_cutout", "self_swap", "classical"),
)
DATA = ("simdrive", "maskdar", "csv", "state_farm")
CV = ("loso", "group_kfold")
BOTH = "both"
CONDITIONS = ("unmasked", "masked", BOTH)


@dataclass
class Setup:
    """Which rows are trained on; tests are always on real frames."""

    name: str = MISSING
    fakes_per_real: float | None = None


@dataclass
class Data:
    """Where labelled frames come from; keys that a data set does not need are null."""

    name: str = MISSING
    root: str | None = None
    csv: str | None = None
    masked_root: str | None = None
    condition: str = "unmasked"
    train_condition: str = BOTH
    test_condition: str = BOTH
    subjects: int = 6
    frames: int = 6
    seed: int = 0


@dataclass
class Model:
    """The classifier and where it starts."""

    name: str = MISSING
    init: str = MISSING


@dataclass
class CrossValidation:
    """Who is held out when."""

    name: str = MISSING
    k: int = 5
    folds: list[Any] | None = None


@dataclass
class Fit:
    """One training: the same for every fold and every setup."""

    epochs: int = MISSING
    min_steps: int = MISSING
    batch_size: int = MISSING
    image_size: int = MISSING
    crop: bool = MISSING
    lr: float = MISSING
    head_lr_factor: float = MISSING
    weight_decay: float = MISSING
    warmup: float = MISSING
    label_smoothing: float = MISSING
    frozen_stages: int = MISSING
    frozen_filters: bool = MISSING
    shift: float = MISSING
    scale: float = MISSING
    light: float = MISSING
    colour: float = MISSING
    mirror: float = MISSING


@dataclass
class Hardware:
    """What the training runs on."""

    accelerator: str = MISSING
    devices: Any = "auto"
    strategy: str = "auto"
    precision: str = "auto"
    threads: int = 0
    checkpoint_s: float = 60.0


@dataclass
class Logger:
    """Where the training loss goes."""

    name: str = MISSING
    project: str = "fsa-data"


@dataclass
class Executor:
    """Who makes the swaps that are missing."""

    name: str = MISSING
    workers: Any = "auto"


@dataclass
class Config:
    """Everything; see ``configs/train.yaml`` for what each key means."""

    setup: Setup = field(default_factory=Setup)
    data: Data = field(default_factory=Data)
    source: Any = MISSING
    source_options: dict[str, Any] = field(default_factory=dict)
    engine: str = MISSING
    engine_options: dict[str, Any] = field(default_factory=dict)
    merge: dict[str, Any] = field(default_factory=dict)
    gate: dict[str, Any] | None = None
    store: str | None = None
    fakes_per_frame: int = MISSING
    real_per_person: int | None = None
    working_size: Any = MISSING
    unswappable: str = MISSING
    on_miss: str = MISSING
    identity_map: str | None = None
    embedder: str | None = None
    model: Model = field(default_factory=Model)
    cv: CrossValidation = field(default_factory=CrossValidation)
    fit: Fit = field(default_factory=Fit)
    trainer: Hardware = field(default_factory=Hardware)
    logger: Logger = field(default_factory=Logger)
    executor: Executor = field(default_factory=Executor)
    seed: int = MISSING
    gallery: int = MISSING
    judge: int = MISSING
    flows: Any = None
    score_frames: int = 20


def from_hydra(composed: DictConfig) -> Config:
    """The composed configuration as plain objects, interpolations resolved, values checked.

    Raises:
        ConfigError: a key without a value, or a value out of range.
        UnknownNameError: an unknown setup, data set or scheme of cross-validation.
    """
    missing = sorted(OmegaConf.missing_keys(composed))
    if missing:
        raise ConfigError(f"No value for {', '.join(missing)}. Set it on the command line, e.g. {missing[0]}=VALUE.")
    config = OmegaConf.to_object(composed)
    if not isinstance(config, Config):
        raise ConfigError("This configuration does not follow the schema of train/config.py.")
    for kind, name, known in (
        ("setup", config.setup.name, SETUPS),
        ("data", config.data.name, DATA),
        ("cv", config.cv.name, CV),
        ("data.condition", config.data.condition, CONDITIONS),
        ("data.train_condition", config.data.train_condition, CONDITIONS),
        ("data.test_condition", config.data.test_condition, CONDITIONS),
    ):
        if name not in known:
            raise UnknownNameError(kind, name, known)
    _check_fit(config.fit)
    _check_numbers(config)
    return config


def _check_fit(fit: Fit) -> None:
    low = {"epochs": 1, "batch_size": 2, "image_size": 32, "lr": 1e-12, "head_lr_factor": 1e-12}
    high = {
        "warmup": 0.9,
        "label_smoothing": 0.9,
        "shift": 0.5,
        "scale": 0.5,
        "light": 0.9,
        "colour": 0.9,
        "mirror": 1.0,
    }
    for key in (item.name for item in fields(fit)):
        value, least, most = getattr(fit, key), low.get(key, 0), high.get(key, float("inf"))
        if not least <= value <= most:
            raise ConfigError(f"fit.{key}={value}: expected {least} to {most}.")


def _check_numbers(config: Config) -> None:
    workers = config.executor.workers
    for key, value, least in (
        ("seed", config.seed, 0),
        ("gallery", config.gallery, 0),
        ("judge", config.judge, 0),
        ("score_frames", config.score_frames, 1),
        ("fakes_per_frame", config.fakes_per_frame, 1),
        ("real_per_person", 1 if config.real_per_person is None else config.real_per_person, 1),
        ("setup.fakes_per_real", 1 if config.setup.fakes_per_real is None else config.setup.fakes_per_real, 1e-9),
        ("trainer.threads", config.trainer.threads, 0),
        ("trainer.checkpoint_s", config.trainer.checkpoint_s, 0),
        ("executor.workers", 0 if workers == "auto" else workers, 0),
    ):
        if not isinstance(value, int | float) or value < least:
            raise ConfigError(f"{key}={value}: expected {least} or more{' or auto' if 'workers' in key else ''}.")


def flat(config: DictConfig | ListConfig) -> dict[str, Any]:
    """Every value by its dotted key, e.g. ``fit.epochs``; ``???`` where there is none."""
    out: dict[str, Any] = {}

    def walk(prefix: str, node: Any) -> None:
        if isinstance(node, dict) and node:
            for key, value in node.items():
                walk(f"{prefix}.{key}" if prefix else str(key), value)
        else:
            out[prefix] = node

    walk("", OmegaConf.to_container(config))
    return out
