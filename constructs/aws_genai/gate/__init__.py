"""The policy gate: the engines that check every synthesis, and the findings that are acknowledged."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from .acknowledgement import (
        Acknowledgement as Acknowledgement,
        acknowledge as acknowledge,
        acknowledgements as acknowledgements,
        compliance as compliance,
    )
    from .synthesis import (
        CompliancePack as CompliancePack,
        Finding as Finding,
        GateError as GateError,
        attach_gate as attach_gate,
        findings as findings,
        synth as synth,
    )

__all__, __getattr__ = exports(__name__)
