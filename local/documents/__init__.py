"""An invented company's handbook, by which the local account's retrieval is tried and shown."""
