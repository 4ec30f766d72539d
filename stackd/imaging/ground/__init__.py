"""What every room stands on: frames as the core sees them, matrices, colour, block means, grain."""
