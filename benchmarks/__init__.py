"""Scripts that measure, and that make the figures and pictures of the documents."""
