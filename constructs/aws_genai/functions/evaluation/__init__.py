"""Evaluates models side by side: quality, latency and price of their answers to the same questions."""
