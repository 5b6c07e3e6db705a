#!/bin/bash
# What every node of the cluster needs on top of HyperPod's image.
set -eu
# Checkpoints of a run that Slurm requeues lie beside each other on the shared file system.
mkdir -p /fsx/checkpoints
