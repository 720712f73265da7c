#!/usr/bin/env bash
# Checks the workflows, actions and GitLab jobs of this repository, and those that
# docs/ci.md shows, against the published schemas; workflows with actionlint,
# too. Needs Go, npm and the network.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git init -q "$work"
git -C "$work" remote add origin git@gitlab.example.com:acme/extension.git
mkdir -p "$work/.github/workflows" "$work/pipelines"
cp .github/workflows/*.yml "$work/.github/workflows/"
cp -r .github/actions .gitlab "$work/"

# The YAML of the page by kind; others, such as Tekton's, are left out.
awk -v dir="$work" '
	/^```/ && inside {
		inside = 0
		if (text ~ /runs-on:/) file = dir "/.github/workflows/page-" NR ".yml"
		else if (text !~ /apiVersion:/ && text ~ /(^|\n)include:|\n +script:/) file = dir "/pipelines/page-" NR ".yml"
		else next
		printf "%s", text >file
		close(file)
		next
	}
	/^```ya?ml/ { inside = 1; text = ""; next }
	inside { text = text $0 "\n" }
' docs/ci.md

go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 "$work"/.github/workflows/*.yml

cd "$work"
npm install --silent --no-save --ignore-scripts --no-audit --no-fund \
	@action-validator/core@0.6.0 @action-validator/cli@0.6.0 gitlab-ci-local@4.61.0
for file in .github/workflows/*.yml actions/*/action.yml; do
	npx action-validator "$file"
done
printf 'include:\n  - local: .gitlab/extpack.yml\n    inputs: { tags: example.com/acme/extension:1.0.0 }\n' >pipelines/include.yml
for file in pipelines/*.yml; do
	# What a page includes from the network is the file of this repository.
	sed -E 's#remote: https://raw\.githubusercontent\.com/extpack/extpack/[^/]+/#local: #' "$file" >.gitlab-ci.yml
	npx gitlab-ci-local --list >log 2>&1 || { cat .gitlab-ci.yml log; exit 1; }
done
echo "$(ls .github/workflows/*.yml | wc -l) workflows, $(ls actions/*/action.yml | wc -l) actions and $(ls pipelines/*.yml | wc -l) pipelines are valid"
