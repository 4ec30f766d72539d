"""Depth from defocus: what tells at each pixel which frame is in focus, and what lies where none is."""
