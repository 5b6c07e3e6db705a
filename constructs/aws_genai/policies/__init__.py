"""IAM policy evaluation over emitted templates: whether a request is allowed, and which policy decides."""
