"""What every layer shares: keys, networks, buckets, roles, alarms, and the policy gate."""

from .acknowledgements import Acknowledgement, acknowledge, acknowledgements, compliance
from .alarms import AlarmTopic, MonthlyBudget, alarm
from .audit import AuditTrail
from .bucket import AccessLogBucket, SecureBucket
from .dead_letters import DeadLetterQueue
from .gate import CompliancePack, Finding, GateError, attach_gate, findings, synth
from .key import DataKey
from .network import PrivateNetwork
from .organization import service_control_policy
from .role import WorkloadRole
from .tags import COST_TAGS, CostTags

__all__ = [
    "COST_TAGS",
    "AccessLogBucket",
    "Acknowledgement",
    "AlarmTopic",
    "AuditTrail",
    "CompliancePack",
    "CostTags",
    "DataKey",
    "DeadLetterQueue",
    "Finding",
    "GateError",
    "MonthlyBudget",
    "PrivateNetwork",
    "SecureBucket",
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
