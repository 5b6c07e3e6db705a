"""Creates the table of vectors in a PostgreSQL database."""
