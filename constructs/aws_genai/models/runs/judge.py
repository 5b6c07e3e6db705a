"""What is measured of answers, and by whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...data.bedrock import check_chat
from ...errors import InvalidValueError, nearest
from ...functions.evaluation.names import COMPARED, COSTS, GROUNDED, JUDGED


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A model that says how good answers are.

    https://docs.aws.amazon.com/bedrock/latest/userguide/evaluation-judge.html

    :param model: id of the foundation model or inference profile that judges; one that Bedrock takes as an evaluator.
    :param metrics: what it judges, such as Correctness, as Bedrock names them without ``Builtin.``.
    """

    model: str
    metrics: Sequence[str] = ("Correctness", "Completeness", "Helpfulness")

    def check(self, *, documents: bool) -> None:
        """Refuse a metric that Bedrock does not judge.

        :raises InvalidValueError: naming it.
        """
        known = GROUNDED if documents else JUDGED
        if not self.metrics:
            raise InvalidValueError("A judge without a metric judges nothing", field="judge.metrics")
        for metric in self.metrics:
            if metric not in known:
                raise InvalidValueError(
                    f"{metric} is not a metric of {'answers from documents' if documents else 'answers'}",
                    field="judge.metrics",
                    hint=nearest(metric, known),
                )


def check_evaluation(
    models: Sequence[str],
    judge: Judge | None,
    thresholds: Mapping[str, float],
    max_tokens: int,
    *,
    documents: bool,
    groups: Sequence[str],
) -> None:
    """Refuse an evaluation that measures nothing, or not what it should.

    :raises InvalidValueError: naming what.
    """
    if not models:
        raise InvalidValueError("Without a model nothing is evaluated", field="models")
    check_chat(models, max_tokens)
    if judge:
        judge.check(documents=documents)
        check_chat([judge.model], 1)
    if documents != bool(groups):
        reason = "Documents are answered from for nobody" if documents else "Groups read documents, and there are none"
        raise InvalidValueError(reason, field="groups", hint="Name knowledge and groups, or neither")
    measured = [*COMPARED, *COSTS, *(judge.metrics if judge else ())]
    for metric in thresholds:
        if metric not in measured:
            raise InvalidValueError(
                f"{metric} is not measured", field=f"thresholds.{metric}", hint=nearest(metric, measured)
            )
