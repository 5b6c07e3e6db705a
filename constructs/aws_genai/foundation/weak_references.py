"""References between stacks that change when, and only when, the referenced resource is replaced.

``Fn::GetStackOutput`` reads an output of another stack without a strong reference. The consuming stack is deployed
again only if its own template changed: the CDK CLI skips a stack with an unchanged template, and CloudFormation has no
updates to perform. The name of each output therefore ends in a digest of the create-only properties of its resource. It
must change only on replacement: CloudFormation does not know the value until it reads it, so it replaces a consumer
that uses it in a create-only property.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getstackoutput.html
https://github.com/aws/aws-cdk/issues/38829
https://docs.aws.amazon.com/cdk/v2/guide/resources.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import DefaultStackSynthesizer, FileAssetSource, ISynthesisSession, Stack

from ..data.replacement import DIGITS, PUBLISHED, Lives

_READ = "Fn::GetStackOutput"


class WeakReferences(DefaultStackSynthesizer):
    """Synthesizes a stack so that consuming stacks are updated when one of its resources is replaced.

    A resource is replaced when one of its create-only properties changes, or when a resource that such a property
    refers to is replaced. The names of the stack's published outputs end in a digest of those properties; the template
    of a consuming stack contains the same names, only where it reads the outputs. Pass one to every stack of an app
    with weak references (``@aws-cdk/core:defaultCrossStackReferences``), in the order in which the stacks depend on
    each other.

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, DataKey, WeakReferences
        from aws_genai.gate import attach_gate

        app = cdk.App(context={"@aws-cdk/core:defaultCrossStackReferences": "weak"})
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Keys", synthesizer=WeakReferences())
        key = DataKey(stack, "Key", description="Shared")
        reader = cdk.Stack(app, "Reader", synthesizer=WeakReferences())
        cdk.CfnOutput(reader, "KeyArn", value=key.key_arn)
        app.synth()
    """

    @jsii.member(jsii_name="reusableBind")
    def reusable_bind(self, stack: Stack) -> WeakReferences:
        """Bind to one stack: a copy, as the CDK creates it, would not call the methods below."""
        self.bind(stack)
        return self

    @jsii.member(jsii_name="synthesizeTemplate")
    def _synthesize_template(
        self,
        session: ISynthesisSession,
        lookup_role_arn: str | None = None,
        lookup_role_external_id: str | None = None,
        lookup_role_additional_options: Mapping[str, Any] | None = None,
    ) -> FileAssetSource:
        written = super()._synthesize_template(
            session, lookup_role_arn, lookup_role_external_id, lookup_role_additional_options
        )
        folder, stack = Path(session.assembly.outdir), self._bound_stack
        file = folder / stack.template_file
        text = file.read_text(encoding="utf-8")
        if _READ not in text and PUBLISHED not in text:
            return written
        template = json.loads(text)
        outputs = {each.stack_name: _outputs(folder / each.template_file) for each in stack.dependencies}
        traced = trace(template, outputs)
        text = json.dumps(traced, indent=1 if "\n" in text else None, ensure_ascii=False)
        file.write_text(text, encoding="utf-8")
        return FileAssetSource(
            source_hash=hashlib.sha256(text.encode()).hexdigest(),
            file_name=written.file_name,
            packaging=written.packaging,
            deploy_time=written.deploy_time,
            display_name=written.display_name,
        )


def _outputs(file: Path) -> list[str]:
    """The names of the outputs of a synthesized stack, as consuming stacks use them."""
    if not file.exists():
        raise ValueError(f"{file.name} is not written yet: make a stack before the stacks that read it")
    return list(json.loads(file.read_text(encoding="utf-8")).get("Outputs", {}))


def trace(template: Mapping[str, Any], producers: Mapping[str, list[str]]) -> dict[str, Any]:
    """A template with the digests in the names of the outputs that it reads and publishes.

    :param producers: The names of outputs, with their digests, by the stacks that publish them.
    """
    names = {
        (stack, output[:-DIGITS]): output
        for stack, outputs in producers.items()
        for output in outputs
        if output.startswith(PUBLISHED)
    }
    reading: dict[str, Any] = _renamed(template, names)
    if "Outputs" in reading:
        lives = Lives(reading.get("Resources", {}))
        reading["Outputs"] = {
            f"{name}{lives.digest(output['Value'])[:DIGITS]}" if name.startswith(PUBLISHED) else name: output
            for name, output in reading["Outputs"].items()
        }
    return reading


def _renamed(value: Any, names: Mapping[tuple[str, str], str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    read = value.get(_READ)
    if isinstance(read, dict):
        place = (read["StackName"], read["OutputName"])
        return {_READ: {**read, "OutputName": names.get(place, read["OutputName"])}}
    return {key: _renamed(each, names) for key, each in value.items()}
