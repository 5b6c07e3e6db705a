"""Compares quality, latency and price of the responses of models to the same prompts."""
