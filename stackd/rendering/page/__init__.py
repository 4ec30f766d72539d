"""The page beside a composite, written for the browser: what is known of it and small pictures in, one HTML text out."""
