#!/bin/sh
# Runs an interpreter in a root of its own, inside of namespaces that hold nothing else:
#   sandbox.sh ROOT FOLDER SECONDS CHILD PYTHON PROGRAMS...
# ROOT is an empty folder, FOLDER becomes /session, and PROGRAMS are all of this machine that the code can read.
set -e
root=$1 folder=$2 seconds=$3 child=$4 python=$5
shift 5
mount -t tmpfs -o size=16m none "$root"
for each in "$@"; do
    mkdir -p "$root$(dirname "$each")"
    if [ -L "$each" ]; then
        cp -P "$each" "$root$each"
    elif [ -d "$each" ]; then
        mkdir -p "$root$each"
        mount --rbind "$each" "$root$each"
        mount -o remount,bind,ro "$root$each"
    elif [ -e "$each" ]; then
        touch "$root$each"
        mount --bind "$each" "$root$each"
    fi
done
mkdir -p "$root/proc" "$root/dev" "$root/session"
mount -t proc none "$root/proc"
for each in null zero urandom; do
    touch "$root/dev/$each"
    mount --bind "/dev/$each" "$root/dev/$each"
done
mount --bind "$folder" "$root/session"
cp "$child" "$root/child.py"
mount -o remount,ro "$root"
# Without capabilities, nothing of this can be undone.
exec chroot "$root" setpriv --no-new-privs --bounding-set=-all --inh-caps=-all \
    "$python" -I -S /child.py /session isolated "$seconds"
