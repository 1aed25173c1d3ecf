"""Raw MaskDAR recordings for tests: a log, a frame map and a video whose frames carry their number."""

from dataclasses import dataclass, field

import numpy as np
from numbered_video import write_video

FRAME_S = 0.05  # the simulation's clock; the video's own says 0.04


@dataclass
class Script:
    """What a driver does, ``(action or "", seconds)`` in order."""

    parts: list = field(default_factory=list)

    def action_at(self, time_s):
        """Action at a time, and the seconds to the nearer end of it."""
        start = 0.0
        for action, seconds in self.parts:
            if start <= time_s < start + seconds:
                return action, min(time_s - start, start + seconds - time_s)
            start += seconds
        return "", 0.0

    @property
    def seconds(self):
        return sum(seconds for _, seconds in self.parts)


def write_recording(folder, name, script, offset_s=100.0, relative_log=False):
    """Write ``recording_<name>.csv``, ``capture-<name>.csv`` and ``capture-<name>.avi``; returns the frame count."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = round(script.seconds / FRAME_S)
    lines = ["speed,time,hud_driver_action_popup"]
    for time_s in np.arange(0, script.seconds, 0.1):
        clock_s = time_s if relative_log else time_s + offset_s
        lines.append(f"50,{clock_s:.3f},{script.action_at(time_s + 1e-6)[0]}")
    (folder / f"recording_{name}.csv").write_text("\n".join(lines) + "\n")
    rows = [f"{offset_s + i * FRAME_S:.4f},{7000 + i}" for i in range(frames)]
    (folder / f"capture-{name}.csv").write_text("\n".join(["simulation_time,frame_counter", *rows]) + "\n")
    write_video(folder / f"capture-{name}.avi", range(frames))
    return frames
