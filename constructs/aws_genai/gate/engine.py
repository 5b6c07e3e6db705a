"""The gate's own engine: a validation plug-in of the CDK that reads the emitted templates, overrides included.

https://docs.aws.amazon.com/cdk/v2/guide/policy-validation-synthesis.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import aws_cdk as cdk
import jsii

from .emitted import Resource, read

#: The name of the plug-in, which is part of the acknowledgements of its rules.
NAME = "GenAI"


@jsii.implements(cdk.IPolicyValidationPlugin)
class OwnRules:
    """Checks all emitted templates of an app against :data:`aws_genai.gate.rules.RULES`, in one call.

    :param record: A function that is called with the checked templates. Default: none.
    """

    def __init__(self, record: Callable[[Sequence[Path]], None] | None = None) -> None:
        self._record = record

    @property
    def name(self) -> str:
        return NAME

    @property
    def version(self) -> str:
        return "1.0.0"

    @property
    def rule_ids(self) -> list[str]:
        return []

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        # Imported here because only a synthesis needs the rules and their tables.
        from . import deploys, secure  # noqa: F401 - they register their rules
        from .rules import broken

        stacks = {each.template_path: (each.stack_construct_path, each.region) for each in context.stack_templates}
        if self._record:
            self._record([Path(each) for each in stacks])
        app = read(stacks)
        violations = []
        for rule, hits in broken(app):
            for hit in hits:
                at = (
                    {"resource_logical_id": hit.at.id, "template_path": hit.at.stack.file}
                    if isinstance(hit.at, Resource)
                    else {"construct_path": hit.at.path}
                )
                violations.append(
                    cdk.PolicyViolation(
                        rule_name=rule.id,
                        description=rule.message(hit),
                        fix=rule.fix,
                        severity="error",
                        violating_resources=[cdk.PolicyViolatingResource(locations=[hit.where], **at)],
                    )
                )
        return cdk.PolicyValidationPluginReport(success=not violations, violations=violations)


#: The prefixes, as in a template, of the resource types that the additional rules of the CDK check.
REGO_TYPES = "AWS::GameLift::"


@jsii.implements(cdk.IPolicyValidationPlugin)
class RegoRules:
    """The rules that the CDK adds to CloudFormation Validate, for templates with a resource that they check.

    They are written in Rego, for which CloudFormation Validate starts a second engine. It takes 0.3 s of CPU time and
    60 MB of memory, which an app without such a resource does not need.
    """

    @property
    def name(self) -> str:
        return "CloudFormation Validate"

    @property
    def version(self) -> str:
        return "1.0.0"

    @property
    def rule_ids(self) -> list[str]:
        return []

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        paths = map(Path, context.template_paths)
        if not any(f'"{REGO_TYPES}' in path.read_text(encoding="utf-8") for path in paths):
            return cdk.PolicyValidationPluginReport(success=True, violations=[])
        report = cdk.CloudFormationValidatePlugin(include_default_rules=True).validate(context)
        # The rules of the engine itself have run already.
        violations = [each for each in report.violations if each.rule_name.startswith("CDK-")]
        failed = any(each.severity in ("error", "fatal") for each in violations)
        return cdk.PolicyValidationPluginReport(success=not failed, violations=violations)
