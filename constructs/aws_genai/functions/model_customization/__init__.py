"""Customizes models of Amazon Bedrock with data sets that were signed off."""
