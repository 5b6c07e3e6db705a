#!/bin/bash
# Runs after HyperPod has set up this node, and then the on_init.sh of the deployment, if there is one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -f "$here/on_init.sh" ]; then
  bash "$here/on_init.sh"
fi
