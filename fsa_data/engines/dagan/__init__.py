"""DaGAN: training it, and letting a source photo move as the driver's face does."""
