# Builds the files of a release in a container, and the image of the plugin:
#
#   docker buildx bake            bin/release, as "make release" makes it
#   docker buildx bake image      from bin/release; needs no other image
#   docker buildx bake binary     the plugin for this machine, in bin

variable "GO_IMAGE" {
  default     = "golang:1.26-alpine"
  description = "Image with the Go that go.mod asks for"
}

variable "VERSION" {
  default     = "v0.0.0"
  description = "vX.Y.Z, as in the tag"
}

variable "REVISION" {
  default     = ""
  description = "The commit"
}

variable "SOURCE_DATE_EPOCH" {
  default     = "0"
  description = "Time of all files: git log -1 --format=%ct"
}

variable "GO_TAGS" {
  default     = "grpcnotrace"
  description = "Build tags, as in the Makefile"
}

# Empty leaves Go's own default.
variable "GOPROXY" {
  default = ""
}

# The platforms of the release, and of the image those of Linux.
variable "PLATFORMS" {
  type = list(string)
  default = [
    "linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64", "linux/s390x", "linux/ppc64le",
    "darwin/amd64", "darwin/arm64",
    "windows/amd64", "windows/arm64",
  ]
}

variable "IMAGE" {
  default     = "ghcr.io/extpack/extpack"
  description = "Repository of the image of the plugin"
}

group "default" {
  targets = ["release"]
}

target "release" {
  context  = "."
  contexts = { go = "docker-image://${GO_IMAGE}" }
  args = {
    VERSION           = VERSION
    REVISION          = REVISION
    SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH
    GO_TAGS           = GO_TAGS
    GOPROXY           = GOPROXY
    PLATFORMS         = join(",", PLATFORMS)
  }
  # Compiled on the builder's own platform, so nothing is emulated.
  dockerfile-inline = <<EOT
FROM --platform=$BUILDPLATFORM go AS build
WORKDIR /src
ARG VERSION
ARG REVISION
ARG SOURCE_DATE_EPOCH
ARG GO_TAGS
ARG GOPROXY
ARG PLATFORMS
RUN --mount=type=bind,target=. \
    --mount=type=cache,target=/root/.cache/go-build \
    --mount=type=cache,target=/go/pkg/mod \
    GOMODCACHE=/go/pkg/mod GOCACHE=/root/.cache/go-build \
    go run -C internal/dist . -root /src -out /out -version "$VERSION" -revision "$REVISION" \
      -epoch "$SOURCE_DATE_EPOCH" -tags "$GO_TAGS" -platforms "$PLATFORMS"

FROM scratch
COPY --from=build /out/ /
EOT
  output            = ["type=local,dest=bin/release"]
}

target "binary" {
  inherits = ["release"]
  args     = { PLATFORMS = BAKE_LOCAL_PLATFORM }
  output   = ["type=local,dest=bin/binary"]
}

# Holds the plugin alone: COPY --from=IMAGE /docker-extpack /usr/libexec/docker/cli-plugins/
target "image" {
  context   = "bin/release/binaries"
  platforms = [for p in PLATFORMS : p if regex_replace(p, "/.*", "") == "linux"]
  args      = { SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH }
  labels = {
    "org.opencontainers.image.title"    = "docker extpack"
    "org.opencontainers.image.source"   = "https://github.com/extpack/extpack"
    "org.opencontainers.image.version"  = VERSION
    "org.opencontainers.image.revision" = REVISION
    "org.opencontainers.image.licenses" = "Apache-2.0"
  }
  dockerfile-inline = <<EOT
FROM scratch
ARG TARGETARCH
ARG TARGETVARIANT
COPY --chown=0:0 --chmod=0755 docker-extpack-linux-$TARGETARCH$TARGETVARIANT /docker-extpack
ENTRYPOINT ["/docker-extpack"]
EOT
  tags   = ["${IMAGE}:${trimprefix(VERSION, "v")}", "${IMAGE}:latest"]
  output = ["type=image,rewrite-timestamp=true"]
}
