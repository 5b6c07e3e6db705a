"""IAM's decisions over emitted templates: who may do what, and which policy decides."""
