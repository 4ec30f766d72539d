"""Whether the composite is right: what the frames say of it, as findings and a verdict. Looks on; changes no pixel."""
