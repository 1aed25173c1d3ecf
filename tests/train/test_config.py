from dataclasses import replace
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from fsa_data.errors import ConfigError, DatasetNotFoundError, FsaError
from fsa_data.sources.mixing import options_of
from train.config import Config, flat, from_hydra
from train.explain import register_schema
from train.loop import load_frames
from train.overrides import prepare
from train.run import CONFIGS

FILES = sorted(path.relative_to(CONFIGS).with_suffix("").as_posix() for path in CONFIGS.glob("*/*.yaml"))
PRESETS = ("experiment", "debug")
NEEDED = {"data/maskdar": ["data.root=d"], "data/csv": ["data.csv=f"], "data/state_farm": ["data.root=d"]}


def composed(*overrides):
    register_schema()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("train", overrides=list(overrides))


@pytest.mark.parametrize("file", FILES)
def test_every_file_composes_to_a_valid_configuration(file):
    group, name = file.split("/")
    sign = "+" if group in PRESETS else ""
    config = from_hydra(composed(f"{sign}{group}={name}", *NEEDED.get(file, [])))
    assert isinstance(config, Config)


@pytest.mark.parametrize("file", ["train", *FILES])
def test_every_file_and_every_key_has_a_comment(file):
    text = (CONFIGS / f"{file}.yaml").read_text(encoding="utf-8")
    assert text.startswith("#")
    if file == "train":
        keys = [line for line in text.splitlines() if line and not line.startswith((" ", "#", "-"))]
        lines = text.splitlines()
        bare = [k for k in keys if ": " in k and not lines[lines.index(k) - 1].startswith("#")]
        assert not bare


def test_there_are_the_documented_choices():
    wanted = {
        "setup": {"real_only", "fake_only", "hybrid"},
        "data": {"simdrive", "maskdar", "csv", "state_farm"},
        "model": {"efficientnet_b1", "efficientnet_lite1"},
        "cv": {"loso", "group_kfold"},
        "trainer": {"auto", "cpu", "gpu", "ddp"},
        "logger": {"csv", "tensorboard", "wandb"},
        "executor": {"local"},
        "experiment": {"quick", "thesis", "demo", "flows"},
    }
    for group, names in wanted.items():
        assert {path.stem for path in (CONFIGS / group).glob("*.yaml")} >= names
    assert not (CONFIGS / "source").exists()
    assert not (CONFIGS / "engine").exists()


def test_the_embedded_default_needs_no_network_and_no_word():
    config = from_hydra(composed("setup=fake_only"))
    assert (config.data.name, config.model.name, config.model.init) == ("simdrive", "efficientnet_b1", "lite1")
    assert config.source == ["portraits", "simdrive"]
    quick = from_hydra(composed("data=csv", "data.csv=f", "+experiment=quick"))
    assert config.fit.crop
    assert not quick.fit.crop
    assert replace(quick.fit, crop=True) == config.fit
    assert quick.model.init == "lite1"


def test_other_data_start_from_imagenet():
    config = from_hydra(composed("data=maskdar", "data.root=d"))
    assert config.model.init == "imagenet"
    assert config.fit.image_size == 240


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=state_farm", "data.root=nowhere"], "No State Farm folder at nowhere"),
        (["data=maskdar", "data.root=nowhere"], "No MaskDAR folder at nowhere"),
        (["data=csv", "data.csv=nowhere"], "No CSV at nowhere"),
    ],
)
def test_each_data_set_has_its_reader(words, message):
    with pytest.raises(DatasetNotFoundError, match=message):
        load_frames(from_hydra(composed(*words)).data)


def test_the_thesis_preset():
    config = from_hydra(composed("+experiment=thesis"))
    assert (config.fit.epochs, config.fit.batch_size, config.model.init) == (50, 32, "imagenet")
    assert (config.model.name, config.cv.name) == ("efficientnet_b1", "loso")
    assert config.fit == from_hydra(composed("data=maskdar", "data.root=d", "+experiment=thesis")).fit


def test_the_demo_has_two_folds():
    assert len(from_hydra(composed("+experiment=demo")).cv.folds) == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("fit.epochs=0", r"fit\.epochs=0: expected 1"),
        ("fit.mirror=1.5", r"fit\.mirror=1\.5: expected 0 to 1"),
        ("setup.name=fake", "Unknown setup 'fake'"),
        ("cv.name=loos", "Did you mean 'loso'"),
        ("fit.lr=???", r"No value for fit\.lr"),
    ],
)
def test_values_that_make_no_sense_are_refused(override, message):
    with pytest.raises(FsaError, match=message):
        from_hydra(composed(override))


def test_a_foreign_configuration_is_refused():
    with pytest.raises(ConfigError, match="schema"):
        from_hydra(OmegaConf.create({"a": 1}))


def test_flat_names_every_value():
    names = flat(OmegaConf.structured(Config))
    assert {"fit.lr", "source", "hydra"} & set(names) == {"fit.lr", "source"}
    assert flat(OmegaConf.create({"a": {"b": {"c": 1}}, "d": {}})) == {"a.b.c": 1, "d": {}}
    assert Path(CONFIGS / "train.yaml").is_file()


def test_options_of_one_source_in_a_list_arrive_as_load_source_wants_them():
    words = ["source=[tpdne,kdef:a b]", "source_options.tpdne.count=3", "source_options.expressions=[NE,HA]"]
    config = from_hydra(composed(*prepare(words)))
    assert config.source == ["tpdne", "kdef:a b"]
    assert config.source_options == {"tpdne": {"count": 3}, "expressions": ["NE", "HA"]}
    fields = {"tpdne": ["count"], "kdef": ["expressions"]}
    assert options_of(config.source_options, fields) == {"tpdne": {"count": 3}, "kdef": {"expressions": ["NE", "HA"]}}
