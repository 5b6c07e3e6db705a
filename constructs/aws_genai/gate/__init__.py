"""The policy gate: the engines that check every synthesis, and the acknowledgements of findings."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from .acknowledgement import (
        Acknowledgement as Acknowledgement,
        acknowledge as acknowledge,
        acknowledgements as acknowledgements,
        compliance as compliance,
    )
    from .record import (
        Finding as Finding,
        GateRecord as GateRecord,
        RecordError as RecordError,
        findings as findings,
        read_record as read_record,
    )
    from .synthesis import (
        CompliancePack as CompliancePack,
        GateError as GateError,
        attach_gate as attach_gate,
        synth as synth,
    )

__all__, __getattr__ = exports(__name__)
