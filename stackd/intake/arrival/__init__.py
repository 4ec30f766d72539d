"""What comes into a watched folder: frames, manifests and the rest, and whether they have stopped growing."""
