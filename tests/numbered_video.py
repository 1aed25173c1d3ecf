"""Videos whose frames carry their own number as black and white blocks, so that a picture tells which frame it is."""

import struct
from fractions import Fraction

import av
import numpy as np

ROWS, COLUMNS = 2, 5  # ten bits


def numbered(number, height=40, width=60):
    """``(H, W, 3)`` uint8 RGB that says ``number``, 0 to 1023."""
    bits = np.array([(number >> k) & 1 for k in range(ROWS * COLUMNS)]).reshape(ROWS, COLUMNS)
    rows, columns = np.arange(height) * ROWS // height, np.arange(width) * COLUMNS // width
    return np.repeat((bits[rows][:, columns] * 215 + 20).astype(np.uint8)[:, :, None], 3, axis=2)


def number_in(image):
    """The number that a picture made by :func:`numbered` says, lossy coding or not."""
    height, width = image.shape[:2]
    rows = [(2 * r + 1) * height // (2 * ROWS) for r in range(ROWS)]
    columns = [(2 * c + 1) * width // (2 * COLUMNS) for c in range(COLUMNS)]
    bits = image[rows][:, columns].mean(axis=2).ravel() > 127
    return sum(1 << k for k, bit in enumerate(bits) if bit)


def write_video(path, times_ms, size=(40, 60), codec=None, pix_fmt=None, first=0, options=None, stream_options=None):
    """Write frames ``first``, ``first + 1``, ... shown at these milliseconds; an AVI counts 25 frames per second."""
    avi = path.suffix == ".avi"
    codec = codec or ("mjpeg" if avi else "libx264")
    pix_fmt = pix_fmt or ("yuvj420p" if codec == "mjpeg" else "yuv420p")
    base = Fraction(1, 25) if avi else Fraction(1, 1000)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as out:
        stream = out.add_stream(codec, rate=25, options=stream_options or {})
        stream.height, stream.width, stream.pix_fmt = *size, pix_fmt
        stream.time_base = stream.codec_context.time_base = base
        out.start_encoding()
        for i, at in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(numbered(first + i, *size), format="rgb24")
            frame.pts, frame.time_base = i if avi else at, base
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def turn_clockwise(path):
    """Note a quarter turn in an MP4's track header, as a phone does that is held upright."""
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 4 + 4 + 20 + 8 + 8
    one = 1 << 16
    data[at : at + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def cut_off(path, share):
    """Keep only the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def damage(path, number):
    """Blank one frame of an AVI of JPEGs, container untouched."""
    with av.open(str(path)) as container:
        packet = next(p for i, p in enumerate(container.demux(video=0)) if i == number)
        at, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    at = data.find(b"\xff\xd8", at)
    data[at : at + size] = bytes(size)
    path.write_bytes(data)
    return path


def scramble(path):
    """Overwrite the end of one packet of a Matroska file; returns its frame's number. A decoder patches what it can."""
    with av.open(str(path)) as container:
        packets = [(p.size, p.pos, p.pts) for p in container.demux(video=0) if p.size]
    size, at, pts = max(packets[1:])
    data = bytearray(path.read_bytes())
    data[at + 12 + size // 3 : at + size] = b"\x55" * (size - 12 - size // 3)
    path.write_bytes(data)
    return sorted(shown for _, _, shown in packets).index(pts)
