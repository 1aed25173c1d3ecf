"""The generator against the formulas of the paper, written out slowly, and what must hold for any weights."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from fsa_data.errors import ConfigError, UnknownNameError
from fsa_data.nets import build
from tests.nets.official_pickle import TINY

LABELLED = TINY | {"c_dim": 3}


def network(seed: int = 0, **changed):
    torch.manual_seed(seed)
    made = build("StyleGAN2.Generator", **(TINY | changed)).eval()
    for name, tensor in made.state_dict().items():
        if name.endswith("noise_strength") or name.endswith("w_avg") or name.endswith("bias"):
            tensor.add_(0.3 * torch.randn_like(tensor))
    return made


def noise(count: int = 2, seed: int = 1):
    return torch.randn(count, TINY["z_dim"], generator=torch.Generator().manual_seed(seed))


def upsampled_by_hand(x: np.ndarray, taps=(1, 3, 3, 1)) -> np.ndarray:
    """Zeros between, padded by 2 and 1, filtered with gain 4: one plane, in float64."""
    kernel = np.outer(taps, taps) / np.sum(taps) ** 2 * 4
    spread = np.zeros((2 * x.shape[0], 2 * x.shape[1]))
    spread[::2, ::2] = x
    spread = np.pad(spread, (2, 1))
    windows = np.lib.stride_tricks.sliding_window_view(spread, (4, 4))
    return (windows * kernel).sum(axis=(2, 3))


def convolved_by_hand(layer, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Equations 1 and 3: each image has weights of its own, scaled and demodulated; float64."""
    style = w.double() @ layer.affine.weight.double().T / math.sqrt(w.shape[1]) + layer.affine.bias.double()
    images = []
    for picture, scale in zip(x.double(), style, strict=True):
        weight = layer.weight.double() * scale[None, :, None, None]
        weight = weight / (weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if layer.up:  # zeros between, a true convolution, then the filter
            side = picture.shape[-1]
            spread = torch.zeros(picture.shape[0], 2 * side + 3, 2 * side + 3, dtype=torch.float64)
            spread[:, 2 : 2 * side + 2 : 2, 2 : 2 * side + 2 : 2] = picture
            wide = F.conv2d(spread[None], weight.flip(2, 3))
            kernel = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])).double() / 16
            made = torch.stack([F.conv2d(plane[None, None], kernel[None, None], padding=1)[0, 0] for plane in wide[0]])
        else:
            made = F.conv2d(picture[None], weight, padding=1)[0]
        made = made + layer.noise_const.double() * layer.noise_strength.double() + layer.bias.double()[:, None, None]
        images.append(torch.where(made > 0, made, 0.2 * made) * math.sqrt(2))
    return torch.stack(images)


def mapped_by_hand(mapping, z: torch.Tensor, c: torch.Tensor, psi: float) -> np.ndarray:
    """Noise and label of unit power, side by side; layers whose stored weights are scaled when used; float64."""
    state = {key: tensor.double().numpy() for key, tensor in mapping.state_dict().items()}
    label = c.double().numpy() @ state["embed.weight"].T / math.sqrt(c.shape[1]) + state["embed.bias"]
    x = np.hstack(
        [each / np.sqrt((each**2).mean(axis=1, keepdims=True) + 1e-8) for each in (z.double().numpy(), label)]
    )
    for i in range(mapping.num_layers):
        weight, bias = state[f"fc{i}.weight"], state[f"fc{i}.bias"]
        x = x @ weight.T * 0.01 / math.sqrt(weight.shape[1]) + 0.01 * bias
        x = np.where(x > 0, x, 0.2 * x) * math.sqrt(2)
    return state["w_avg"] + psi * (x - state["w_avg"])


def test_the_mapping_is_the_formula() -> None:
    made, z, c = network(c_dim=3), noise(3), torch.eye(3)
    with torch.no_grad():
        ws = made.mapping(z, c, 0.7)
    assert torch.equal(ws, ws[:, :1].expand(3, 6, 12))
    np.testing.assert_allclose(ws[:, 0].numpy(), mapped_by_hand(made.mapping, z, c, 0.7), atol=1e-5)


@pytest.mark.parametrize("name", ["conv0", "conv1"])
def test_a_layer_is_the_formula(name: str) -> None:
    layer = getattr(network().synthesis.b16, name)
    x = torch.randn(3, layer.weight.shape[1], 8 if layer.up else 16, 8 if layer.up else 16)
    w = torch.randn(3, 12)
    with torch.no_grad():
        expected = convolved_by_hand(layer, x, w)
        assert (layer(x, w, "const").double() - expected).abs().max() < 1e-5 * expected.abs().max()


def test_the_image_of_a_block_is_the_upsampled_one_and_its_own() -> None:
    block = network().synthesis.b8
    x, img, ws = torch.randn(2, 8, 4, 4), torch.randn(2, 3, 4, 4), torch.randn(2, 3, 12)
    with torch.no_grad():
        features, got = block(x, img, ws, "none")
        own = block.torgb(features, ws[:, 2])
    expected = own.double().numpy() + np.array([[upsampled_by_hand(plane) for plane in each] for each in img.numpy()])
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-5)


def test_each_layer_has_the_style_that_belongs_to_it() -> None:
    """Of 6 styles at 16 px: b4 uses 0 and 1, b8 uses 1, 2 and 3, b16 uses 3, 4 and 5."""
    synthesis = network().synthesis
    ws = torch.randn(1, 6, 12)
    seen = {}
    for name, module in synthesis.named_modules():
        if name.endswith(("conv0", "conv1", "torgb")):
            module.register_forward_hook(lambda m, given, out, name=name: seen.__setitem__(name, given[1]))
    with torch.no_grad():
        synthesis(ws)
    which = {name: [i for i in range(6) if torch.equal(w, ws[:, i])] for name, w in seen.items()}
    assert which == {
        **{"b4.conv1": [0], "b4.torgb": [1], "b8.conv0": [1], "b8.conv1": [2], "b8.torgb": [3]},
        **{"b16.conv0": [3], "b16.conv1": [4], "b16.torgb": [5]},
    }


def test_images_do_not_depend_on_their_neighbours() -> None:
    made, z = network(), noise(4)
    with torch.no_grad():
        together = made(z, truncation_psi=0.7)
        alone = torch.cat([made(each[None], truncation_psi=0.7) for each in z])
    assert (together - alone).abs().max() < 1e-5 * together.abs().max()


def test_the_length_of_the_noise_does_not_matter() -> None:
    made, z = network(), noise()
    with torch.no_grad():
        torch.testing.assert_close(made(z), made(5 * z), rtol=1e-4, atol=1e-5)


def test_truncation_goes_to_the_mean() -> None:
    made, z = network(), noise(3)
    with torch.no_grad():
        full, half, none = (made.mapping(z, None, psi) for psi in (1.0, 0.5, 0.0))
        assert torch.equal(none, made.mapping.w_avg.expand(3, 6, -1))
        torch.testing.assert_close(half, (full + none) / 2)
        cut = made.mapping(z, None, 0.5, 4)
    assert torch.equal(cut[:, :4], half[:, :4])
    assert torch.equal(cut[:, 4:], full[:, 4:])


def test_noise_modes() -> None:
    made, z = network(), noise(1)
    with torch.no_grad():
        const, none = made(z), made(z, noise_mode="none")
        torch.manual_seed(3)
        first, second = made(z, noise_mode="random"), made(z, noise_mode="random")
        assert torch.equal(const, made(z))
        assert len({float(image.sum()) for image in (const, none, first, second)}) == 4
        for name, tensor in made.state_dict().items():
            if name.endswith("noise_strength"):
                tensor.zero_()
        assert torch.equal(made(z), none)


def test_labels() -> None:
    made, z = network(c_dim=3), noise(1)
    keys = list(made.state_dict())
    assert keys[-7:] == ["mapping.w_avg", "mapping.embed.weight", "mapping.embed.bias"] + [
        f"mapping.fc{i}.{kind}" for i in range(2) for kind in ("weight", "bias")
    ]
    assert made.mapping.fc0.weight.shape == (12, 8 + 12)
    with torch.no_grad():
        images = [made(z, label[None]) for label in torch.eye(3)]
        assert not torch.allclose(images[0], images[1])
        label_alone = build("StyleGAN2.Generator", **(LABELLED | {"z_dim": 0}))(None, torch.eye(3))
    assert label_alone.shape == (3, 3, 16, 16)


def test_a_clamp_bounds_every_layer() -> None:
    made = network(synthesis_kwargs=TINY["synthesis_kwargs"] | {"conv_clamp": 0.25})
    seen = []
    made.synthesis.b16.conv1.register_forward_hook(lambda m, given, out: seen.append(float(out.abs().max())))
    with torch.no_grad():
        image = made(noise())
    assert seen == [0.25]
    assert float(image.abs().max()) <= 0.25 * (1 + 2 + 4)


@pytest.mark.parametrize("side", [4, 8, 64])
def test_any_size(side: int) -> None:
    made = network(img_resolution=side, img_channels=1)
    assert made.num_ws == 2 * int(math.log2(side)) - 2
    with torch.no_grad():
        assert made(noise()).shape == (2, 1, side, side)


def test_gradients_reach_every_parameter() -> None:
    made = network().train()
    made(noise()).square().mean().backward()
    assert [name for name, p in made.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"img_resolution": 24}, "power of two from 4, got 24"),
        ({"synthesis_kwargs": {"architecture": "resnet"}}, "got 'resnet'"),
        ({"synthesis_kwargs": {"resample_filter": [1, 2, 1]}}, r"four taps, got \[1, 2, 1\]"),
        ({"synthesis_kwargs": {"channel_base": 8}}, "no channels at 16 px"),
        ({"mapping_kwargs": {"num_layers": 0}}, "at least one layer"),
        ({"mapping_kwargs": {"activation": "relu"}}, "got 'relu'"),
    ],
)
def test_what_cannot_be_built(changed, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build("StyleGAN2.Generator", **(TINY | changed))


def test_what_cannot_be_asked_for() -> None:
    made = network(c_dim=3)
    with pytest.raises(ConfigError, match=r"c \(label\) must have shape \(B, 3\), got nothing"):
        made(noise())
    with pytest.raises(ConfigError, match=r"z \(noise\) must have shape \(B, 8\), got shape \(1, 7\)"):
        made(torch.zeros(1, 7), torch.eye(3)[:1])
    with pytest.raises(ConfigError, match=r"ws must have shape \(B, 6, 12\)"):
        made.synthesis(torch.zeros(1, 5, 12))
    with pytest.raises(UnknownNameError, match="Did you mean 'const'"):
        made.synthesis(torch.zeros(1, 6, 12), "konst")
    with pytest.raises(ConfigError, match="truncation_psi must be 1"):
        network(mapping_kwargs={"num_layers": 2, "w_avg_beta": None})(noise(), truncation_psi=0.5)
