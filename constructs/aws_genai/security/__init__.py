"""What every layer shares: keys, networks, buckets, roles, alarms, and the policy gate."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from ..gate.acknowledgements import Acknowledgement, acknowledge, acknowledgements, compliance
    from ..gate.record import Finding, findings
    from ..gate.synthesis import CompliancePack, GateError, attach_gate, synth
    from .alarms import AlarmTopic, MonthlyBudget, alarm
    from .attempts import AccessAttempts
    from .audit import AuditTrail
    from .bucket import AccessLogBucket, SecureBucket
    from .dead_letters import DeadLetterQueue
    from .envelope import EnvelopeKey
    from .key import DataKey
    from .network import PrivateNetwork
    from .organization import service_control_policy
    from .role import WorkloadRole
    from .tags import COST_TAGS, CostTags
    from .weak_references import WeakReferences

__all__ = [
    "COST_TAGS",
    "AccessAttempts",
    "AccessLogBucket",
    "Acknowledgement",
    "AlarmTopic",
    "AuditTrail",
    "CompliancePack",
    "CostTags",
    "DataKey",
    "DeadLetterQueue",
    "EnvelopeKey",
    "Finding",
    "GateError",
    "MonthlyBudget",
    "PrivateNetwork",
    "SecureBucket",
    "WeakReferences",
    "WorkloadRole",
    "acknowledge",
    "acknowledgements",
    "alarm",
    "attach_gate",
    "compliance",
    "findings",
    "service_control_policy",
    "synth",
]

__getattr__ = exports(
    __name__,
    {
        "..gate.acknowledgements": (
            "Acknowledgement",
            "acknowledge",
            "acknowledgements",
            "compliance",
        ),
        ".alarms": (
            "AlarmTopic",
            "MonthlyBudget",
            "alarm",
        ),
        ".attempts": ("AccessAttempts",),
        ".audit": ("AuditTrail",),
        ".bucket": (
            "AccessLogBucket",
            "SecureBucket",
        ),
        ".dead_letters": ("DeadLetterQueue",),
        ".envelope": ("EnvelopeKey",),
        "..gate.record": ("Finding", "findings"),
        "..gate.synthesis": (
            "CompliancePack",
            "GateError",
            "attach_gate",
            "synth",
        ),
        ".key": ("DataKey",),
        ".network": ("PrivateNetwork",),
        ".organization": ("service_control_policy",),
        ".role": ("WorkloadRole",),
        ".tags": (
            "COST_TAGS",
            "CostTags",
        ),
        ".weak_references": ("WeakReferences",),
    },
)
