"""Creates a trial knowledge base, repeatedly until Bedrock accepts it, and deletes it.

When Bedrock creates a knowledge base, it assumes the role and checks the index. If both are new, this may fail:
permissions propagate within minutes, OpenSearch Serverless does not find a new index immediately, and an Aurora
database may be paused. AWS CloudFormation does not retry, so this custom resource waits first.
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-data-access.html
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreateKnowledgeBase.html
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..custom_resource.serving import Made, Properties
from .names import TAG

_log = logging.getLogger(__name__)

#: Seconds after which the trial ends and the creation of the knowledge base itself reports the error.
LONGEST_SECONDS = 240
_BETWEEN_SECONDS, _LOOK_SECONDS = 10, 3
#: Errors that retries do not resolve.
_FINAL = ("ServiceQuotaExceededException",)
_ID = "tried"


class Trials:
    """The trials of the knowledge bases of a stack."""

    def __init__(self, agent: Any) -> None:  # noqa: ANN401 - boto3 has no types
        self._agent = agent

    def create(self, properties: Properties, token: str) -> Made:
        """Waits until the knowledge base can be created, or the time limit is reached."""
        return self._try(properties, token)

    def update(self, _physical_id: str, properties: Properties, _old: Properties, token: str) -> Made:
        """Repeats the trial, since a changed request may create another knowledge base."""
        return self._try(properties, token)

    def delete(self, _physical_id: str, _properties: Properties) -> None:
        """Does nothing: a trial deletes its knowledge base."""
        return

    def _try(self, properties: Properties, token: str) -> Made:
        request = json.loads(properties["Request"])
        ends = time.monotonic() + LONGEST_SECONDS
        for number in range(LONGEST_SECONDS):
            # The same token for every delivery of a request, so that each trial is created once.
            same = hashlib.sha256(f"{token} {number}".encode()).hexdigest()
            try:
                if self._stood(request, same, ends):
                    break
                told = "its creation failed"
            except (BotoCoreError, ClientError) as error:
                told = str(error)
                if isinstance(error, ClientError) and error.response["Error"]["Code"] in _FINAL:
                    break
            _log.info("the knowledge base cannot be created yet: %s", told)
            if time.monotonic() + _BETWEEN_SECONDS > ends:
                _log.warning("the trial did not succeed, and the knowledge base is created anyway: %s", told)
                break
            time.sleep(_BETWEEN_SECONDS)
        return Made(_ID)

    def _stood(self, request: dict[str, Any], token: str, ends: float) -> bool:
        """Creates a knowledge base, returns whether it became active, and deletes it in any case."""
        name = f"{request['name'][:80].rstrip('-_')}-{token[:12]}"
        made = self._agent.create_knowledge_base(**{**request, "name": name}, clientToken=token, tags={TAG: "true"})
        identifier, status = made["knowledgeBase"]["knowledgeBaseId"], made["knowledgeBase"]["status"]
        try:
            while status == "CREATING" and time.monotonic() < ends:
                time.sleep(_LOOK_SECONDS)
                found = self._agent.get_knowledge_base(knowledgeBaseId=identifier)
                status = found["knowledgeBase"]["status"]
            self._agent.delete_knowledge_base(knowledgeBaseId=identifier)
        except (BotoCoreError, ClientError):
            # Bedrock accepted it. Another trial would only leave a second knowledge base.
            _log.exception("the trial knowledge base %s could not be deleted: delete it", identifier)
            return True
        return bool(status == "ACTIVE")
