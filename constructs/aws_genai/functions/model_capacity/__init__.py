"""Deploys custom models of Amazon Bedrock, and purchases provisioned throughput."""
