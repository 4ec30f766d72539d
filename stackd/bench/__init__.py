"""`stackd bench`: quality, speed, memory and the look of composites, beside other programs. Nothing of the product knows it."""
