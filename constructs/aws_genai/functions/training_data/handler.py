"""The first step of a fine-tuning pipeline: admits a signed data set to training, or fails the run."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from .environment import Environment
from .service import DataSets, Rules

logger = Logger()


@cache
def data_sets() -> DataSets:
    """Returns the data sets of the function's bucket, which are created on first use."""
    environment = Environment.read()
    return DataSets(boto3.client("s3"), boto3.client("kms"), environment.BUCKET, environment.SIGNING_KEY)


def handler(event: dict[str, Any], _context: Any) -> dict[str, str]:  # noqa: ANN401 - Lambda's context
    """Handler of the function. The event has ``data_set`` and ``run``, the id of the pipeline execution."""
    rules = Rules(
        method=event["method"],
        refuse_personal_data=str(event.get("refuse_personal_data", "false")).lower() == "true",
        most_duplicates_percent=float(event.get("most_duplicates_percent", 5)),
    )
    admitted = data_sets().admit(event["data_set"], event["run"], rules)
    logger.info("Data set admitted", extra={"data_set": event["data_set"], "run": event["run"], **admitted})
    return admitted
