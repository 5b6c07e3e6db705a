"""Retries requests while a paused database resumes."""
