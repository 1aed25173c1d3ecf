"""What the trainings of re-enactment networks share: pictures, presets, the loop, and what they leave on disk."""
