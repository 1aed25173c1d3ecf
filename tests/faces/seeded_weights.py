"""Files like those of face-alignment, with random weights: what the networks say means nothing, but is reproducible."""

from pathlib import Path

import numpy as np
import torch

from fsa_data import weights
from fsa_data.nets import build
from fsa_data.nets.face_alignment import detector_input


def detector(image, likely=6):
    """An S3FD that sees about ``likely`` boxes per level in an image, and hardly any elsewhere."""
    torch.manual_seed(1)
    network = build("face_alignment.s3fd").eval()
    for name, parameter in network.named_parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter)
        elif name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("mbox_loc.weight"):
                parameter *= 0.02
        maps = network(detector_input(pixels))
        names = ("conv3_3_norm", "conv4_3_norm", "conv5_3_norm", "fc7", "conv6_2", "conv7_2")
        for level, name in enumerate(names):
            logits = maps[2 * level]
            ahead = (logits[:, 1] - logits[:, 0]).flatten().sort(descending=True).values
            spread = float(ahead.std()) or 1.0
            head = getattr(network, f"{name}_mbox_conf")
            wanted = likely if level > 1 else 0  # large boxes only
            edge = float(ahead[min(wanted, len(ahead) - 1)] + (ahead[max(wanted - 1, 0)])) / 2 if wanted else 1e3
            head.weight /= spread
            head.bias /= spread
            head.bias[-1] -= edge / spread
    return network


def landmarks(stacks=4):
    """A FAN whose heat maps are rough, so that no two cells tie."""
    torch.manual_seed(2)
    network = build("face_alignment.FAN", num_modules=stacks).eval()
    for parameter in network.parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter, a=1)
    return network


def depth():
    torch.manual_seed(3)
    return build("face_alignment.ResNetDepth").eval()


def write(name, network, folder: Path) -> Path:
    """The file as it is published."""
    path = folder / weights.USERS[name].filename
    state = network.state_dict()
    if name == "fan_depth":
        more = {"epoch": 3, "best_acc": np.float64(0.5), "arch": "depth"}
        state = {"state_dict": {f"module.{key}": value for key, value in state.items()}, **more}
    torch.save(state, path)
    return path
