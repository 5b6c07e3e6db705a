"""Prefixes and names in the bucket of a knowledge base, shared by the function and the construct."""

#: Prefixes of new, accepted and quarantined documents.
INCOMING, ACCEPTED, QUARANTINE = "incoming/", "accepted/", "quarantine/"
#: Prefix of the releases of quarantined documents.
RELEASED = "released/"
#: Prefix of the input and output of a custom chunking function.
CUTTING = "cutting/"
#: Prefix of the input and output of the function that screens chunks, by source.
SCREENING = "screening/"
#: Prefix of the metadata attributes of groups. Each is a boolean, which every vector store can filter by.
GROUP = "group_"
#: https://docs.aws.amazon.com/bedrock/latest/userguide/s3-data-source-connector.html
SIDECAR = ".metadata.json"
#: Source of the message that the function was deployed and may have a new data source.
RENEWED = "aws.cloudformation"
