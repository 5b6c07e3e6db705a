"""Rotates the secret that CloudFront sends to an API."""
