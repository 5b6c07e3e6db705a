#!/bin/bash
# Runs once HyperPod has set this node up; the deployment's own script, if there is one, does the rest.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -f "$here/on_init.sh" ]; then
  bash "$here/on_init.sh"
fi
