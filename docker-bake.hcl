# Cross-compiles the plugin for every system the docker CLI runs on: `make bake`.

variable "GO_IMAGE" {
  default     = "golang:1.26-alpine"
  description = "Image with the Go that go.mod asks for"
}

variable "VERSION" {
  default = "v0.0.0"
}

variable "GO_TAGS" {
  default     = "grpcnotrace"
  description = "Build tags, as in the Makefile"
}

# Empty leaves Go's own default.
variable "GOPROXY" {
  default = ""
}

variable "GOFLAGS" {
  default = ""
}

variable "PLATFORMS" {
  default = [
    "linux/amd64", "linux/arm64",
    "darwin/amd64", "darwin/arm64",
    "windows/amd64", "windows/arm64",
  ]
}

group "default" {
  targets = ["binaries"]
}

target "binaries" {
  context   = "."
  contexts  = { go = "docker-image://${GO_IMAGE}" }
  platforms = PLATFORMS
  args = {
    VERSION = VERSION
    GO_TAGS = GO_TAGS
    GOPROXY = GOPROXY
    GOFLAGS = GOFLAGS
  }
  # Compiled on the builder's own platform, so nothing is emulated; the caches
  # are shared by all platforms.
  dockerfile-inline = <<EOT
FROM --platform=$BUILDPLATFORM go AS build
WORKDIR /src
ARG VERSION
ARG GO_TAGS
ARG GOPROXY
ARG GOFLAGS
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=bind,target=. \
    --mount=type=cache,target=/root/.cache/go-build \
    --mount=type=cache,target=/go/pkg/mod \
    suffix=""; if [ "$TARGETOS" = windows ]; then suffix=.exe; fi; \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOMODCACHE=/go/pkg/mod GOCACHE=/root/.cache/go-build \
    go build -trimpath -buildvcs=false -tags "$GO_TAGS" \
      -ldflags "-s -w -X github.com/extpack/extpack/internal/version.Version=$VERSION" \
      -o "/out/docker-extpack-$TARGETOS-$TARGETARCH$suffix" ./cli-plugin/docker-extpack

FROM scratch
COPY --from=build /out/ /
EOT
  # One folder: the file names already tell the platforms apart.
  output = ["type=local,dest=bin/release,platform-split=false"]
}
