"""Where the code defines a resource of a template."""

from __future__ import annotations


def source_of(environment: str, path: str) -> str:
    """The innermost Python construct around a path of the construct tree, by module and class.

    Builds the tree again to find it, which takes seconds, and is therefore only done after a failed deployment.
    """
    import aws_cdk as cdk

    from aws_genai.gate.synthesis import construct_source
    from settings import SettingsError, load
    from stacks import assemble

    app = cdk.App(context={"aws:cdk:disable-stack-trace": True})
    try:
        assemble(app, load(environment))
    except SettingsError:
        # The assembly was made from settings that are elsewhere, or are gone.
        return "the template"
    return construct_source(path, app)
