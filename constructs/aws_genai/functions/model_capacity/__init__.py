"""Gives models of Amazon Bedrock capacity: deployments on demand, and provisioned throughput."""
