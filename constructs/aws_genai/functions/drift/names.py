"""The namespace of the drift metrics, which the function and the construct share."""

NAMESPACE = "GenAI/Drift"
