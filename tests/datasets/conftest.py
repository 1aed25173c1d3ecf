from dataclasses import dataclass

import pytest

from fsa_data import DeepfakeAugmentedMaskDAR, LabelledFrames


@dataclass(frozen=True)
class World:
    frames: LabelledFrames
    store: object

    def dataset(self, **options):
        """Two procedural drivers, thirty frames, wearing two portraits."""
        return DeepfakeAugmentedMaskDAR(self.frames, **({"store": self.store} | options))


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Materialised once; what a test adds of its own goes to the same store."""
    made = World(LabelledFrames.from_simdrive(subjects=2, frames=1), tmp_path_factory.mktemp("datasets") / "store")
    made.dataset()
    return made
