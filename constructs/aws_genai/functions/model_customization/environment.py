"""The environment variables of the function for model customization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from ..contract import Contract


class PlanVariable(TypedDict):
    """The content of PLAN."""

    name: str
    base: str
    #: Id of the teacher model; empty for fine-tuning.
    teacher: str
    hyperparameters: dict[str, str]
    #: The rules for the data set.
    rules: dict[str, Any]
    #: Name of the data set. A run may name another one.
    data_set: str
    #: Tags of the jobs and of the custom models.
    tags: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """The environment variables of the function."""

    PLAN: PlanVariable
    BUCKET: str
    #: Bucket of the data sets, and ARN of the function that verifies them.
    DATA_BUCKET: str
    ADMIT: str
    #: ARN of the role of the jobs.
    JOB_ROLE: str
    #: ARN of the key that encrypts the custom models.
    KEY_ARN: str
