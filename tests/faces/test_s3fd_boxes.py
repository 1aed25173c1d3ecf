"""Boxes of the S3FD detector: against the package's loop, and by what suppression must keep."""

import numpy as np
import pytest
import torch

from fsa_data.faces.s3fd_boxes import best_boxes, decode_maps, suppress


def random_maps(batch, height, width, seed=0, background=3.0):
    torch.manual_seed(seed)
    maps = []
    for level in range(6):
        size = (max(1, height >> (level + 2)), max(1, width >> (level + 2)))
        logits = torch.randn(batch, 2, *size)
        logits[:, 0] += background
        maps += [logits, 0.5 * torch.randn(batch, 4, *size)]
    return maps


@pytest.mark.parametrize(("height", "width"), [(96, 128), (130, 70)])
def test_one_image_is_decoded_as_the_package_does(height, width):
    detect = pytest.importorskip("face_alignment.detection.sfd.detect")
    maps = random_maps(1, height, width)
    softened = [one.softmax(dim=1).numpy() if at % 2 == 0 else one.numpy() for at, one in enumerate(maps)]
    (expected,) = detect.get_predictions(softened, 1)
    (got,) = decode_maps(maps)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-5)
    keep = detect.nms(expected, 0.3)
    np.testing.assert_array_equal(suppress(got), keep)
    likely = [box for box in expected[keep] if box[4] > 0.5]
    np.testing.assert_allclose(best_boxes(got), likely, rtol=1e-6, atol=1e-5)
    assert len(likely) > 3


def test_images_of_a_batch_keep_to_themselves():
    maps = random_maps(3, 64, 96)
    for number, boxes in enumerate(decode_maps(maps)):
        (alone,) = decode_maps([one[number : number + 1] for one in maps])
        np.testing.assert_allclose(boxes, alone, rtol=1e-6)


def test_an_anchor_without_offset_is_its_square():
    maps = [torch.zeros(1, 2 * (1 + at % 2), 4, 4) for at in range(12)]
    for at in range(0, 12, 2):
        maps[at][:, 0] = 100
    maps[4][0, 1, 2, 3] = 200  # third level: 16 pixels apart, 64 wide
    (boxes,) = decode_maps(maps)
    np.testing.assert_allclose(boxes, [[56 - 32, 40 - 32, 56 + 32, 40 + 32, 1]])


def test_no_candidate_no_box():
    boxes = decode_maps(random_maps(2, 64, 64, background=50.0))
    assert [one.shape for one in boxes] == [(0, 5)] * 2
    assert best_boxes(boxes[0]).shape == (0, 5)


def test_boxes_that_stay_do_not_overlap_and_the_others_do():
    (boxes,) = decode_maps(random_maps(1, 128, 128, seed=3))
    kept = suppress(boxes)
    assert (np.diff(boxes[kept, 4]) <= 0).all()
    overlaps = np.stack([overlap(boxes, one) for one in boxes[kept]])
    assert (overlaps[:, kept] - np.eye(len(kept)) <= 0.3).all()
    gone = np.setdiff1d(np.arange(len(boxes)), kept)
    stronger = boxes[kept, 4][:, None] >= boxes[gone, 4]
    assert ((overlaps[:, gone] > 0.3) & stronger).any(axis=0).all()


def overlap(boxes, one):
    wide = np.minimum(boxes[:, 2], one[2]) - np.maximum(boxes[:, 0], one[0]) + 1
    high = np.minimum(boxes[:, 3], one[3]) - np.maximum(boxes[:, 1], one[1]) + 1
    area = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    common = np.maximum(wide, 0) * np.maximum(high, 0)
    return common / (area + (one[2] - one[0] + 1) * (one[3] - one[1] + 1) - common)
