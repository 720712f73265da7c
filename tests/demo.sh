#!/usr/bin/env bash
# The steps of `make demo`, which has installed the plugin into the folder $1
# and started the sandbox.
set -euo pipefail
cd "$(dirname "$0")/.."

run() {
	printf '\n$ %s\n' "$*"
	"$@"
}

extpack=(docker extpack)
if ! command -v docker >/dev/null; then
	echo "There is no docker command here: running the plugin by itself instead of 'docker extpack'."
	extpack=("$1/docker-extpack")
fi

exports=$(make -s --no-print-directory sandbox-env)
# shellcheck disable=SC2016 # shown as one would type it
printf '\n$ eval $(make -s sandbox-env)\n%s\n' "$exports"
eval "$exports"

reference=$EXTPACK_REGISTRY/samples/hello:0.0.1
run "${extpack[@]}" build examples/hello --push -t "$reference"
run "${extpack[@]}" inspect "$reference"

printf "\nThe sandbox goes on running; 'make sandbox-down' stops it.\n"
