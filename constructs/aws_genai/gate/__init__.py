"""The policy gate: engines that check every synthesis, and what is accepted of their findings."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from .acknowledgements import Acknowledgement, acknowledge, acknowledgements, compliance
    from .synthesis import CompliancePack, Finding, GateError, attach_gate, findings, synth

__all__ = [
    "Acknowledgement",
    "CompliancePack",
    "Finding",
    "GateError",
    "acknowledge",
    "acknowledgements",
    "attach_gate",
    "compliance",
    "findings",
    "synth",
]

__getattr__ = exports(
    __name__,
    {
        ".acknowledgements": ("Acknowledgement", "acknowledge", "acknowledgements", "compliance"),
        ".synthesis": ("CompliancePack", "Finding", "GateError", "attach_gate", "findings", "synth"),
    },
)
