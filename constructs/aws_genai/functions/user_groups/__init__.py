"""The groups of the users of an identity provider, in the tokens of a user pool."""
