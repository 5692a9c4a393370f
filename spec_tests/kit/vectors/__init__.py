"""Golden vectors: small cases with the only right answer, as data that no Python is needed to read."""
