"""Names that the function and the construct share."""

#: Tag of trial knowledge bases only: the function may not delete knowledge bases without it.
TAG = "aws-genai-trial"
