target "smoke" {
  contexts = { tree = "oci-layout:///tmp/layout@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
  args = {
    CNB_BUILD_PLAN_PATH       = "/cnb/smoke/plan.toml"
    CNB_EXEC_ENV              = "production"
    CNB_EXTENSION_DIR         = "/cnb/extensions/acme_x/1.2.3"
    CNB_PLATFORM_DIR          = "/cnb/smoke/platform"
    CNB_TARGET_ARCH           = "arm"
    CNB_TARGET_ARCH_VARIANT   = "v7"
    CNB_TARGET_DISTRO_NAME    = "ubuntu"
    CNB_TARGET_DISTRO_VERSION = "24.04"
    CNB_TARGET_OS             = "linux"
    IMAGE                     = "r.example/builder:1"
  }
  dockerfile-inline = <<EOT
ARG IMAGE
FROM scratch AS folders
WORKDIR /app
WORKDIR /output
WORKDIR /platform/env
COPY plan.toml /

FROM $${IMAGE} AS base
COPY --from=tree / /
COPY --from=folders --chmod=0777 / /cnb/smoke/
WORKDIR /cnb/smoke/app

FROM base AS smoke
ARG CNB_BUILD_PLAN_PATH
ARG CNB_EXEC_ENV
ARG CNB_EXTENSION_DIR
ARG CNB_PLATFORM_DIR
ARG CNB_TARGET_ARCH
ARG CNB_TARGET_ARCH_VARIANT
ARG CNB_TARGET_DISTRO_NAME
ARG CNB_TARGET_DISTRO_VERSION
ARG CNB_TARGET_OS
RUN --mount=type=bind,from=tree,source=$${CNB_EXTENSION_DIR},target=/cnb/smoke/extension ["/cnb/smoke/extension/bin/detect", "/cnb/smoke/platform", "/cnb/smoke/plan.toml"]

FROM scratch
COPY --from=smoke /cnb/smoke/app /app
COPY --from=smoke /cnb/smoke/output /output
COPY --from=smoke /cnb/smoke/plan.tom[l] /
EOT
  no-cache-filter   = ["smoke"]
  platforms         = ["linux/arm/v7"]
  output            = ["type=local,dest=/tmp/written"]
  attest            = ["type=provenance,disabled=true"]
}
