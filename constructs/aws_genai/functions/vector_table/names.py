"""What a table of vectors and its columns are called, by the function and by whoever sets it up."""

#: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.VectorDB.html
DATABASE, SCHEMA = "knowledge", "bedrock_integration"
ID, VECTOR, TEXT, METADATA, CUSTOM = "id", "embedding", "chunks", "metadata", "custom_metadata"


def table(dimension: int) -> str:
    """A table holds vectors of one length, so another length is another table."""
    return f"{SCHEMA}.chunks_{dimension}"
