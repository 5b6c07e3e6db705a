"""The models of the local account, and how a response is sent to its caller."""
