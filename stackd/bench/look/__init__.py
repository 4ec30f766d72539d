"""Finding and drawing where composites of several programs differ most."""
