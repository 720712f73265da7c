target "smoke" {
  contexts = { tree = "oci-layout:///tmp/\"odd\" $${x} %%{if}@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" }
  args = {
    CNB_BP_PLAN_PATH  = "/cnb/smoke/plan.toml"
    CNB_EXTENSION_DIR = "/cnb/extensions/$${y}/%%{z}"
    CNB_OUTPUT_DIR    = "/cnb/smoke/output"
    CNB_PLATFORM_DIR  = "/cnb/smoke/platform"
    CNB_TARGET_ARCH   = "amd64"
    CNB_TARGET_OS     = "linux"
    IMAGE             = "r.example/$${x}\nRUN false:1"
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
ARG CNB_BP_PLAN_PATH
ARG CNB_EXTENSION_DIR
ARG CNB_OUTPUT_DIR
ARG CNB_PLATFORM_DIR
ARG CNB_TARGET_ARCH
ARG CNB_TARGET_OS
RUN --mount=type=bind,from=tree,source=$${CNB_EXTENSION_DIR},target=/cnb/smoke/extension ["/cnb/smoke/extension/bin/generate", "/cnb/smoke/output", "/cnb/smoke/platform", "/cnb/smoke/plan.toml"]

FROM scratch
COPY --from=smoke /cnb/smoke/app /app
COPY --from=smoke /cnb/smoke/output /output
COPY --from=smoke /cnb/smoke/plan.tom[l] /
EOT
  no-cache-filter   = ["smoke"]
  platforms         = ["linux/amd64"]
  output            = ["type=local,dest=/tmp/written"]
  attest            = ["type=provenance,disabled=true"]
}
