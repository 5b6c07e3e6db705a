"""Where a resource of a template is written."""

from __future__ import annotations


def source_of(environment: str, path: str) -> str:
    """The innermost Python construct around a path of the construct tree, by module and class.

    The tree is built once more to find it, which takes seconds: a deploy that went well needs none.
    """
    import aws_cdk as cdk

    from aws_genai.gate.synthesis import construct_source
    from settings import load
    from stacks import assemble

    app = cdk.App(context={"aws:cdk:disable-stack-trace": True})
    assemble(app, load(environment))
    return construct_source(path, app)
