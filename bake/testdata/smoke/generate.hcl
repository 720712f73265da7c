target "smoke" {
  contexts = {
    tree = "oci-layout:///tmp/\"odd\" $${x} %%{if}@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
  }
  args = {
    CNB_EXTENSION_DIR = "/cnb/extensions/$${y}/%%{z}"
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
COPY <<PLAN /plan.toml
PLAN

FROM $${IMAGE} AS base
COPY --from=tree / /
COPY --from=folders --chmod=0777 / /cnb/smoke/
WORKDIR /cnb/smoke/app

FROM base AS smoke
ARG CNB_EXTENSION_DIR
ARG CNB_TARGET_ARCH
ARG CNB_TARGET_OS
ENV CNB_PLATFORM_DIR=/cnb/smoke/platform CNB_BP_PLAN_PATH=/cnb/smoke/plan.toml CNB_OUTPUT_DIR=/cnb/smoke/output CNB_EXEC_ENV=production
RUN --mount=type=bind,from=tree,source=$${CNB_EXTENSION_DIR},target=/cnb/smoke/extension ["/cnb/smoke/extension/bin/generate", "/cnb/smoke/output", "/cnb/smoke/platform", "/cnb/smoke/plan.toml"]
EOT
  no-cache-filter   = ["smoke"]
  platforms         = ["linux/amd64"]
  output            = ["type=cacheonly"]
  attest            = ["type=provenance,disabled=true"]
}
