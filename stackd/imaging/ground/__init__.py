"""What every room stands on: frames as the core sees them, matrices, light, block means, tiles, what grain and blur there is."""
