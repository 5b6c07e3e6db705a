"""Makes the table of vectors in a database of PostgreSQL."""
