"""What the function and whoever deploys it share."""

#: A tag that knowledge bases on trial carry, and no other: the function may delete nothing else.
TAG = "aws-genai-trial"
