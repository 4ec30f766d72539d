"""What to do, decided purely: values, observations and effects, and the fold over them. Nothing here is performed."""
