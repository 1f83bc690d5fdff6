#!/bin/sh
# Builds Waggle on a fresh Debian or Ubuntu, and shows it finding neighbors.
# Further arguments go to `waggle demo`; see `build/minimal/waggle help demo`.
set -eu
cd "$(dirname "$0")"

scripts/install-dependencies build demo
scripts/build minimal
exec build/minimal/waggle demo "$@"
