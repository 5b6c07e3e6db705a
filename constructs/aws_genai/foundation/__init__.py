"""The resources that every layer uses: keys, networks, buckets, roles, alarms, audit, budget and tags."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from .access_log_bucket import AccessLogBucket as AccessLogBucket
    from .alarms import AlarmTopic as AlarmTopic, alarm as alarm
    from .attempts import AccessAttempts as AccessAttempts
    from .audit import AuditTrail as AuditTrail
    from .bucket import SecureBucket as SecureBucket
    from .budget import MonthlyBudget as MonthlyBudget
    from .dead_letters import DeadLetterQueue as DeadLetterQueue
    from .existing import existing_bucket as existing_bucket
    from .foundation import Foundation as Foundation
    from .key import DataKey as DataKey
    from .network import PrivateNetwork as PrivateNetwork
    from .options import ExistingBucket as ExistingBucket
    from .organization import service_control_policy as service_control_policy
    from .role import WorkloadRole as WorkloadRole
    from .tags import COST_TAGS as COST_TAGS, CostTags as CostTags
    from .weak_references import WeakReferences as WeakReferences

__all__, __getattr__ = exports(__name__)
