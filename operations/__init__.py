"""Commands to run before and after a deployment."""
