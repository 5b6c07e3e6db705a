"""Who did what, by the identities that AWS records: two sessions of one person are one person."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

#: The session of every notebook has this name; its source identity says whose it is.
_NOTEBOOK = "sagemaker"


def person(arn: str, source_identity: str | None = None) -> str | None:
    """Who stands behind an identity: its source identity, else the name of the session or of the user.

    A session of IAM Identity Center is named after its user, whatever the permission set, and one of Studio has the
    user profile as source identity. A mail address counts by what stands before the @, as profiles are named.
    https://docs.aws.amazon.com/singlesignon/latest/userguide/using-ctrail.html
    https://docs.aws.amazon.com/sagemaker/latest/dg/monitor-user-access.html
    """
    name = (source_identity or arn.rsplit("/", 1)[-1]).lower().partition("@")[0]
    return None if name == _NOTEBOOK else name


def trainer(cloudtrail: Any, execution: str, started: datetime) -> str | None:  # noqa: ANN401 - boto3 has no types
    """The person who started a pipeline's execution; None if CloudTrail does not know, or not yet; empty if
    the identity is nobody's in particular.

    The event history needs no trail and holds ninety days:
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
