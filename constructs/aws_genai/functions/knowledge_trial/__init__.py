"""Tries whether a knowledge base can be made, before a deployment makes it."""
