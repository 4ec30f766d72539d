"""Whether all of a file has arrived: by what its structure says, by zeros nobody wrote over, by the mark at its end."""
