"""References between stacks whose text changes when, and only when, what they name is replaced.

``Fn::GetStackOutput`` names an output of another stack and holds nothing: the stack that reads is deployed anew only if
its own template changed, for the CDK CLI skips a stack whose template is as before and CloudFormation has then nothing
to do. So the name of each output ends in a digest of what its resource is made of for good. It changes then only: to
CloudFormation the value is unknown until it is read, so a reader that needs it for good is replaced with it.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getstackoutput.html
https://github.com/aws/aws-cdk/issues/38829
https://docs.aws.amazon.com/cdk/v2/guide/resources.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import DefaultStackSynthesizer, FileAssetSource, ISynthesisSession, Stack

from ..data import load

#: How the outputs begin that the CDK makes for weak references.
PUBLISHED = "PublishOutput"
_READ = "Fn::GetStackOutput"
#: With these the longest name that the CDK makes has the 255 characters that CloudFormation takes.
DIGITS = 7
_NAMED = re.compile(r"\$\{([^!.}][^.}]*)(\.[^}]*)?\}")


class WeakReferences(DefaultStackSynthesizer):
    """Writes a stack's template so that other stacks notice when something of it is replaced.

    A resource is replaced when one of its create-only properties changes, or when what such a property refers to is
    replaced. The names of the stack's published outputs end in a digest of those; whoever reads them has the same name
    in its own template, at the places that read and nowhere else. Give one to every stack of an app whose references
    are weak (``@aws-cdk/core:defaultCrossStackReferences``), in the order in which they read each other.

    Example::

        import aws_cdk as cdk
        from aws_genai.security import CostTags, DataKey, WeakReferences, attach_gate

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
        """Belong to a stack, each to its own: a copy, as the CDK makes one, would not call what follows."""
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
    """The outputs of a stack whose template is written, as its readers name them."""
    if not file.exists():
        raise ValueError(f"{file.name} is not written yet: make a stack before the stacks that read it")
    return list(json.loads(file.read_text(encoding="utf-8")).get("Outputs", {}))


def trace(template: Mapping[str, Any], producers: Mapping[str, list[str]]) -> dict[str, Any]:
    """A template with the digests in the names of what it reads and publishes.

    :param producers: the outputs, as they are named with their digests, of the stacks that it reads.
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


class Lives:
    """What a template's resources are made of for good: a resource whose digest changes is replaced by another."""

    def __init__(self, resources: Mapping[str, Any]) -> None:
        self._resources = resources
        self._of = cache(self._made)

    def digest(self, value: Any) -> str:  # noqa: ANN401 - JSON
        """A digest of an expression that changes when a resource that it refers to is replaced."""
        return hashlib.sha256(json.dumps(self._expanded(value), sort_keys=True).encode()).hexdigest()

    def _made(self, name: str) -> str:
        resource = self._resources[name]
        kind, properties = resource["Type"], resource.get("Properties", {})
        paths = load("create_only")["types"].get(kind)
        # Who knows when a custom resource gives other values: on any change, then.
        made = properties if paths is None else {path: _at(properties, path.split("/")) for path in paths}
        return self.digest([name, kind, made])

    def _expanded(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, list):
            return [self._expanded(each) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, inner),) = value.items()
            if key == "Ref":
                return self._named(inner, "")
            if key == "Fn::GetAtt":
                name, attribute = inner if isinstance(inner, list) else inner.split(".", 1)
                return self._named(name, attribute)
            if key == "Fn::Sub":
                text, given = (inner, {}) if isinstance(inner, str) else inner
                named = [self._named(name, attribute) for name, attribute in _NAMED.findall(text) if name not in given]
                return [text, self._expanded(given), named]
        return {key: self._expanded(inner) for key, inner in value.items()}

    def _named(self, name: str, attribute: str) -> list[Any]:
        resource = self._resources.get(name)
        if resource is None:
            return [name, attribute]  # a parameter
        # The number of a version moves on without a replacement.
        moving = self._expanded(resource.get("Properties", {})) if "Version" in str(attribute) else None
        return [self._of(name), attribute, moving]


def _at(value: Any, path: list[str]) -> Any:  # noqa: ANN401 - JSON
    """What stands at a path; lists on the way are walked, and what is not there is None."""
    if not path:
        return value
    if isinstance(value, list):
        return [_at(each, path[1:] if path[0] == "*" else path) for each in value]
    return _at(value[path[0]], path[1:]) if isinstance(value, dict) and path[0] in value else None
