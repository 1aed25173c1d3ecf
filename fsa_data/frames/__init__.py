"""Labelled frames in: the index, the readers, and reading one frame."""

from fsa_data.frames.index import LabelledFrames
from fsa_data.frames.labels import MASKDAR, MASKDAR_CODES, STATE_FARM, STATE_FARM_CODES, LabelMap, mirror_pairs
from fsa_data.frames.media import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    FrameRef,
    decode_image,
    hash_frame,
    read_frame,
    read_image,
)
from fsa_data.frames.video import CONTAINERS, VideoFrame, VideoInfo, VideoWriter, decode_video, describe_video

__all__ = [
    "CONTAINERS",
    "IMAGE_SUFFIXES",
    "MASKDAR",
    "MASKDAR_CODES",
    "STATE_FARM",
    "STATE_FARM_CODES",
    "VIDEO_SUFFIXES",
    "FrameRef",
    "LabelMap",
    "LabelledFrames",
    "VideoFrame",
    "VideoInfo",
    "VideoWriter",
    "decode_image",
    "decode_video",
    "describe_video",
    "hash_frame",
    "mirror_pairs",
    "read_frame",
    "read_image",
]
