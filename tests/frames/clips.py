"""Small clips for tests: any frames at any times, with a tone if wanted."""

from fractions import Fraction

import av
import numpy as np

SOUND_RATE = 48_000
MILLISECONDS = Fraction(1, 1000)


def write_clip(path, images, pts, tone_s=0.0, turn=0, time_base=MILLISECONDS, pix_fmt="yuv420p", sound="aac", **tags):
    """Write ``images`` at ``pts``; ``turn`` is a rotation that the file only notes; ``tags`` are colour codes."""
    height, width = images[0].shape[:2]
    ticks = str(time_base.denominator)
    options = {"video_track_timescale": ticks, "movie_timescale": ticks} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.time_base = stream.codec_context.time_base = time_base
        stream.codec_context.colorspace = tags.get("colorspace", 2)
        stream.codec_context.color_range = tags.get("color_range", 0)
        if turn:
            stream.set_display_rotation(turn)
        voice = out.add_stream(sound, rate=SOUND_RATE, layout="mono") if tone_s else None
        for image, at in zip(images, pts, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(
                format=pix_fmt, dst_colorspace=tags.get("colorspace"), dst_color_range=tags.get("color_range")
            )
            frame.pts, frame.time_base = at, time_base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if voice is not None:
            wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(tone_s * SOUND_RATE)) / SOUND_RATE)
            for at in range(0, len(wave), 1024):
                part = av.AudioFrame.from_ndarray(wave[None, at : at + 1024].astype(np.float32), "fltp", "mono")
                part.sample_rate, part.pts, part.time_base = SOUND_RATE, at, Fraction(1, SOUND_RATE)
                out.mux(voice.encode(part))
            out.mux(voice.encode(None))
    return path


def frame_times(path):
    """Seconds of every frame as exact fractions, and when the last one ends."""
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
        base = file.streams.video[0].time_base
        return [frame.pts * base for frame in frames], (frames[-1].pts + (frames[-1].duration or 0)) * base


def sound_packets(path):
    """Time in seconds of every sound packet as exact fractions, and their bytes."""
    with av.open(str(path)) as file:
        packets = [p for p in file.demux(audio=0) if p.dts is not None]
        return [p.pts * p.time_base for p in packets], [bytes(p) for p in packets]


def gradient(count, height=48, width=64):
    """Frames with soft colours that move."""
    y, x = np.mgrid[:height, :width]
    return [
        np.stack([(2 * x + 4 * i) % 256 // 2 + 60, 2 * y + 50, np.full_like(x, 200 - i)], axis=2).astype(np.uint8)
        for i in range(count)
    ]
