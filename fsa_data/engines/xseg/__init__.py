"""XSeg: a network that is taught by outlines drawn by hand which part of a face may be swapped."""
