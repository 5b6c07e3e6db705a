"""Batch inference with a guardrail, at half the price of on-demand inference."""
