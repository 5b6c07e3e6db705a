"""Customizes models of Amazon Bedrock with signed data sets."""
