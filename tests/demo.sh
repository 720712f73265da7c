#!/usr/bin/env bash
# The steps of `make demo`: it installs the plugin into the folder $1, linked
# with the flags $2, and packs an example without a daemon. BuildKit, buildx and
# a registry, which take minutes to compile the first time, follow.
set -euo pipefail
cd "$(dirname "$0")/.."

run() {
	printf '\n$ %s\n' "$*"
	"$@"
}

# Everything is compiled in half the time, without inlining, unless the tests
# have compiled the same tools already.
quick=('-gcflags=all=-l -dwarf=false') settings=(CGO_ENABLED=0)
stamp=${EXTPACK_SANDBOX_DIR:-.sandbox}/bin/stamp
if [ -e "$stamp" ] && ! grep -q quickly "$stamp"; then
	quick=() settings=()
fi
compile() {
	env GOGC=off GOMEMLIMIT=1GiB "${settings[@]}" go build "${quick[@]}" -ldflags "$2" -o "bin/$1" "$3"
}

echo "Compiling the plugin …"
compile docker-extpack "$2" ./cli-plugin/docker-extpack
install -d "$1"
install -m 0755 bin/docker-extpack "$1/docker-extpack"

extpack=(docker extpack)
if ! command -v docker >/dev/null; then
	echo "There is no docker command here: running the plugin by itself instead of 'docker extpack'."
	extpack=("$1/docker-extpack")
fi

start() {
	compile sandbox "-s -w" ./tests/sandbox/cmd/sandbox
	exec bin/sandbox up --quick
}
start &
sandbox=$!
trap 'kill "$sandbox" 2>/dev/null || true' EXIT

layout=bin/demo/
rm -rf "$layout"
printf '\nWithout a daemon, into a directory:\n'
run "${extpack[@]}" build examples/hello --engine embedded -o "$layout"
run "${extpack[@]}" inspect --files "$layout"
printf '\nThat took %d s. The same with buildx and BuildKit, into a registry, when they are there:\n' "$SECONDS"
wait "$sandbox"
trap - EXIT

exports=$(make -s --no-print-directory sandbox-env)
# shellcheck disable=SC2016 # shown as one would type it
printf '\n$ eval $(make -s sandbox-env)\n%s\n' "$exports"
eval "$exports"

reference=$EXTPACK_REGISTRY/samples/hello:0.0.1
run "${extpack[@]}" build examples/hello --engine buildx --push -t "$reference"
run "${extpack[@]}" inspect "$reference"

printf "\nThat took %d s in all. The sandbox goes on running; 'make sandbox-down' stops it.\n" "$SECONDS"
if [ ${#quick[@]} -gt 0 ]; then
	echo "The plugin was compiled in a hurry; 'make install' replaces it by one as in releases."
fi
