"""Training: the command ``python train/run.py``, the Lightning module, the data module. Not installed."""
