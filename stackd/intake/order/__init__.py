"""In which order the frames of a stack lie, near → far, and what their numbers say."""
