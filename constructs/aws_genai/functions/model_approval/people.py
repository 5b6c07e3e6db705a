"""Identifies the person behind an identity that AWS records, so that two sessions of one person are the same."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

#: Session name of every notebook; only the source identity distinguishes them.
_NOTEBOOK = "sagemaker"


def person(arn: str, source_identity: str | None = None) -> str | None:
    """Returns the person behind an identity: its source identity, or the name of the session or of the user.

    A session of IAM Identity Center has the name of its user in every permission set. A session of Studio has the name
    of the user profile as source identity. Only the part of an email address before the @ is compared, as in names of
    profiles.
    https://docs.aws.amazon.com/singlesignon/latest/userguide/using-ctrail.html
    https://docs.aws.amazon.com/sagemaker/latest/dg/monitor-user-access.html
    """
    name = (source_identity or arn.rsplit("/", 1)[-1]).lower().partition("@")[0]
    return None if name == _NOTEBOOK else name


def trainer(cloudtrail: Any, execution: str, started: datetime) -> str | None:  # noqa: ANN401 - boto3 has no types
    """Returns the person who started a pipeline execution.

    Returns None if CloudTrail does not show it (yet), and an empty string if the identity is not that of one person.

    The event history needs no trail and covers 90 days:
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
    """
    pages = cloudtrail.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "StartPipelineExecution"}],
        StartTime=started - timedelta(days=1),
        EndTime=started + timedelta(days=1),
    )
    for page in pages:
        for event in page["Events"]:
            record = json.loads(event["CloudTrailEvent"])
            if (record.get("responseElements") or {}).get("pipelineExecutionArn") == execution:
                identity = record["userIdentity"]
                source = identity.get("sessionContext", {}).get("sourceIdentity")
                return person(str(identity["arn"]), source) or ""
    return None
