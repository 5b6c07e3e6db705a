"""The references of a private hub to models of the public hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from .names import PUBLIC_HUB

_KIND = "ModelReference"


class Hub:
    """One private hub.

    https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-curated-hubs-admin-guide-add-models.html
    """

    def __init__(self, sagemaker: Any, name: str, place: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._sagemaker, self._name, self._place = sagemaker, name, place

    def hold(self, models: Mapping[str, str]) -> None:
        """Sets the references of the hub to exactly these models, by minimum version. The operation is idempotent."""
        before = dict(self._references())
        for name in before.keys() - models.keys():
            self._remove(name)
        for name, version in models.items():
            if name not in before:
                self._add(name, version)
            elif before[name] != version:
                self._call(
                    "update_hub_content_reference",
                    HubName=self._name,
                    HubContentName=name,
                    HubContentType=_KIND,
                    MinVersion=version,
                )

    def empty(self) -> None:
        """Deletes all references, because SageMaker only deletes a hub that has none."""
        for name, _ in list(self._references()):
            self._remove(name)

    def _add(self, name: str, version: str) -> None:
        arn = f"{self._place}:hub-content/{PUBLIC_HUB}/Model/{name}"
        self._call(
            "create_hub_content_reference",
            HubName=self._name,
            SageMakerPublicHubContentArn=arn,
            HubContentName=name,
            MinVersion=version,
            tolerate=("already exist", "ResourceInUse"),
        )

    def _remove(self, name: str) -> None:
        self._call(
            "delete_hub_content_reference",
            HubName=self._name,
            HubContentName=name,
            HubContentType=_KIND,
            tolerate=("does not exist", "not found", "ResourceNotFound"),
        )

    def _references(self) -> Iterator[tuple[str, str]]:
        token: dict[str, str] = {}
        while True:
            try:
                page = self._sagemaker.list_hub_contents(HubName=self._name, HubContentType=_KIND, **token)
            except ClientError as error:
                if _said(error, ("does not exist", "not found", "ResourceNotFound")):
                    return
                raise
            for each in page["HubContentSummaries"]:
                yield each["HubContentName"], str(each.get("MinVersion") or each.get("HubContentVersion", ""))
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def _call(self, operation: str, *, tolerate: tuple[str, ...] = (), **request: str) -> None:
        try:
            getattr(self._sagemaker, operation)(**request)
        except ClientError as error:
            if not _said(error, tolerate):
                raise


def _said(error: ClientError, words: tuple[str, ...]) -> bool:
    text = f"{error.response['Error']['Code']} {error.response['Error']['Message']}"
    return any(word in text for word in words)
