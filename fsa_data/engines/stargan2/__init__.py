"""StarGAN v2: training it, and giving faces of one photo other expressions or styles before they are put on."""
