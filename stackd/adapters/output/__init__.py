"""All that stackd writes: composites with their metadata and companions, pictures to look at, planes for scratch."""
