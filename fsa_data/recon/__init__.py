"""From one photo to a face that can be seen from anywhere."""
