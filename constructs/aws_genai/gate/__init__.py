"""The policy gate: engines that check every synthesis, and what is accepted of their findings."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from .acknowledgements import Acknowledgement, acknowledge, acknowledgements, compliance
    from .record import Finding, GateRecord, RecordError, findings, read_record
    from .synthesis import CompliancePack, GateError, attach_gate, synth

__all__ = [
    "Acknowledgement",
    "CompliancePack",
    "Finding",
    "GateError",
    "GateRecord",
    "RecordError",
    "acknowledge",
    "acknowledgements",
    "attach_gate",
    "compliance",
    "findings",
    "read_record",
    "synth",
]

__getattr__ = exports(
    __name__,
    {
        ".acknowledgements": ("Acknowledgement", "acknowledge", "acknowledgements", "compliance"),
        ".record": ("Finding", "GateRecord", "RecordError", "findings", "read_record"),
        ".synthesis": ("CompliancePack", "GateError", "attach_gate", "synth"),
    },
)
