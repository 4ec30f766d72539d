"""The commands of `stackd bench`, and how what they find is shown."""
