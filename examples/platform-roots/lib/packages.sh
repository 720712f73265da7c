# Shared by the bin/detect and bin/generate of every platform.

# provide NAME: offer NAME to the build plan.
provide() {
	cat > "${CNB_BUILD_PLAN_PATH}" <<-PLAN
		[[provides]]
		name = "$1"
	PLAN
}

# install PACKAGE...: write the Dockerfile that adds packages to the run image.
install() {
	cat > "${CNB_OUTPUT_DIR}/run.Dockerfile" <<-DOCKERFILE
		ARG base_image
		FROM \${base_image}

		USER root
		ARG build_id=0
		RUN echo "\${build_id}" && apt-get update && apt-get install -y --no-install-recommends $* && rm -rf /var/lib/apt/lists/*

		ARG user_id
		ARG group_id
		USER \${user_id}:\${group_id}
	DOCKERFILE
	echo "samples/platform-roots: wrote run.Dockerfile for $*"
}
