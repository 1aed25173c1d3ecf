"""Training the autoencoder that swaps faces, and swapping with it (DeepFaceLab: SAEHD and Quick96)."""
