#!/usr/bin/env bash
# Drives the built binary end to end: a real MCP client, a real browser, kills, two processes on
# one library. RUSHES_BIN names another binary; arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -n "${RUSHES_BIN:-}" ] || cargo build -q --workspace

# The tools live in .venv; made anew when what they should be has changed.
stamp=.venv/made-for
if ! cmp -s tests/e2e/requirements.txt "$stamp"; then
    python3 -m venv --clear .venv
    .venv/bin/pip install -q --disable-pip-version-check --no-deps -r tests/e2e/requirements.txt
    cp tests/e2e/requirements.txt "$stamp"
fi
# The package for Python, as a wheel would lay it out.
package=target/python/rushes
mkdir -p "$package"
cp crates/rushes-python/python/rushes/* "$package"
cp target/debug/lib_rushes.so "$package/_rushes.abi3.so"

PYTHONPATH=target/python exec .venv/bin/python -m pytest tests/e2e crates/rushes-python/tests "$@"
