"""Checks whether a knowledge base can be created, before a deployment creates it."""
