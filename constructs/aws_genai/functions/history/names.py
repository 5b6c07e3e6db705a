"""Names that the construct of attachments and its functions share."""

#: Where files are uploaded to, in their bucket.
INCOMING = "incoming/"
