#!/usr/bin/env bash
# Builds the extension for development and leaves it in python/symbind, so that PYTHONPATH=python works.
# PYTHON chooses the interpreter (it needs the [build-system] requirements installed); extra arguments go to CMake.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
cmake -S . -B build/dev -G Ninja -DPython_EXECUTABLE="$("$PYTHON" -c 'import sys; print(sys.executable)')" \
  -DSYMBIND_PYTHON=ON "${launcher[@]}" "$@" >/dev/null
cmake --build build/dev -j "${JOBS:-2}"
rm -f python/symbind/_core*.so
cp build/dev/cpp/_core*.so python/symbind/
