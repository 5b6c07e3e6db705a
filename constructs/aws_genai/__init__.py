"""AWS CDK constructs for the generative AI stack: accelerated compute, governed models, guarded applications.

Three layers, each usable alone: :mod:`aws_genai.compute`, :mod:`aws_genai.models` and :mod:`aws_genai.application`.
:mod:`aws_genai.foundation` has the resources that they share (keys, networks, buckets, roles, the policy gate), and
:mod:`aws_genai.testing` has assertions for unit tests of policies.
"""
