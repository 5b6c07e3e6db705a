"""The handbook of an invented company, for tests and demos of the local account's retrieval."""
