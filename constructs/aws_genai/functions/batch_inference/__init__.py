"""Asks a model many questions at half the price: guarded batch jobs, and what they leave over."""
