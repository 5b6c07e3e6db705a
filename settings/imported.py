"""Settings of models of one's own that Amazon Bedrock runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from aws_genai.models.hosting.weights import Weights

from .base import KeyArn, Section


class Imported(Section):
    """A model of your own, imported into Amazon Bedrock and paid for while it is used."""

    uri: Annotated[str, Field(max_length=1024)]
    """Where the files of the model lie, in the format of Hugging Face: s3://bucket/model/version."""

    key_arn: KeyArn | None = None
    """ARN of the KMS key that encrypts them; without it, S3 does."""

    version: Annotated[str, Field(max_length=64)] = ""
    """Changed to import the same files anew."""

    @model_validator(mode="after")
    def _an_address(self) -> Imported:
        self.weights().place()
        return self

    def weights(self) -> Weights:
        """The same for the library."""
        return Weights(uri=self.uri, key_arn=self.key_arn)
