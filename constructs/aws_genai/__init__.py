"""AWS CDK constructs for the generative AI stack: accelerated compute, governed models, guarded applications.

Three layers, each usable alone: :mod:`aws_genai.compute`, :mod:`aws_genai.models` and
:mod:`aws_genai.application`. :mod:`aws_genai.foundation` holds what they share (keys, networks, buckets, roles,
the policy gate), :mod:`aws_genai.testing` what users need to prove policies in their own unit tests.
"""
