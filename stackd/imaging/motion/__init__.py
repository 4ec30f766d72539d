"""Things that move while a stack is shot: how they are noticed, and what is done about them."""
