"""Names of the metrics of drift, which the function and the alarms on them share."""

NAMESPACE = "GenAI/Drift"
