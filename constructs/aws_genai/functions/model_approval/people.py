"""Identifies the person behind an identity that AWS records, so that two sessions of one person are the same."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

#: Roles of IAM Identity Center, which names sessions after the user:
#: https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html
_IDENTITY_CENTER = re.compile(r":assumed-role/AWSReservedSSO_[^/]+/")
_USER = re.compile(r":iam::\d*:user/")


def person(arn: str, source_identity: str | None = None) -> str | None:
    """The person behind an identity: its source identity, or the name of the user. None if it shows no person.

    Whoever assumes a role chooses the name of the session, so that it proves nothing, except in IAM Identity Center,
    which names a session after its user in every permission set. A session keeps the source identity that it was begun
    with, in every role that is assumed from it; one of Studio has the name of the user profile. Of an email address,
    the part before the @ counts, as in names of profiles.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
    https://docs.aws.amazon.com/singlesignon/latest/userguide/using-ctrail.html
    https://docs.aws.amazon.com/sagemaker/latest/dg/monitor-user-access.html
    """
    if not source_identity and not _IDENTITY_CENTER.search(arn) and not _USER.search(arn):
        return None
    return (source_identity or arn.rsplit("/", 1)[-1]).lower().partition("@")[0]


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
