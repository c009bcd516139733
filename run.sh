#!/usr/bin/env bash
# Runs a command in the project's own environment: ./run.sh everflow demo, ./run.sh pytest.
# Needs Python 3.11 and pip; puts uv into .tools/ when it is missing, and uv makes .venv/ from
# pyproject.toml. `--target` is what a system's Python takes that refuses other installs (PEP 668).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if [ $# -eq 0 ]; then
    echo "usage: ./run.sh COMMAND [ARGUMENT ...]   (try: ./run.sh everflow demo)" >&2
    exit 2
fi
if [ ! -x .tools/bin/uv ]; then
    echo "Setting up (once): installing uv into .tools/" >&2
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --upgrade --target .tools uv >&2
fi
.tools/bin/uv sync --quiet
export VIRTUAL_ENV="$PWD/.venv" PATH="$PWD/.venv/bin:$PATH"
exec "$@"  # in this process's place, so that a signal, SIGKILL too, reaches the command itself
