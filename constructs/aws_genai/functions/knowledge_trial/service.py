"""Makes a knowledge base on trial, until Bedrock takes it, and deletes it.

When Bedrock makes a knowledge base it assumes its role, and looks at its index. Both may have been made a moment ago:
permissions spread within a minute or two, OpenSearch Serverless does not find a new index at once, and a database of
Aurora may sleep. AWS CloudFormation tries once; this waits first.
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

#: Seconds after which the knowledge base itself is to tell what is wrong.
LONGEST_SECONDS = 240
_BETWEEN_SECONDS, _LOOK_SECONDS = 10, 3
#: More tries are of no use.
_FINAL = ("ServiceQuotaExceededException",)
_ID = "tried"


class Trials:
    """Whether the knowledge bases of a stack can be made."""

    def __init__(self, agent: Any) -> None:  # noqa: ANN401 - boto3 has no types
        self._agent = agent

    def create(self, properties: Properties, token: str) -> Made:
        """Wait until it can be made, or for as long as is worth it."""
        return self._try(properties, token)

    def update(self, _physical_id: str, properties: Properties, _old: Properties, token: str) -> Made:
        """What changes may be another knowledge base."""
        return self._try(properties, token)

    def delete(self, _physical_id: str, _properties: Properties) -> None:
        """Nothing is left of a trial."""
        return

    def _try(self, properties: Properties, token: str) -> Made:
        request = json.loads(properties["Request"])
        ends = time.monotonic() + LONGEST_SECONDS
        for number in range(LONGEST_SECONDS):
            # The same for every delivery of one request of CloudFormation, so that a trial is made once.
            same = hashlib.sha256(f"{token} {number}".encode()).hexdigest()
            try:
                if self._stood(request, same, ends):
                    break
                told = "it failed while it was made"
            except (BotoCoreError, ClientError) as error:
                told = str(error)
                if isinstance(error, ClientError) and error.response["Error"]["Code"] in _FINAL:
                    break
            _log.info("not yet: %s", told)
            if time.monotonic() + _BETWEEN_SECONDS > ends:
                _log.warning("the knowledge base is made though it could not be tried: %s", told)
                break
            time.sleep(_BETWEEN_SECONDS)
        return Made(_ID)

    def _stood(self, request: dict[str, Any], token: str, ends: float) -> bool:
        """Make one, look whether it stands, and delete it whatever came of it."""
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
            # Bedrock took it. Another would stay there beside it.
            _log.exception("the trial %s is left: delete it", identifier)
            return True
        return bool(status == "ACTIVE")
