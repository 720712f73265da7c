copy    = "--chown=0:0 --chmod=u=rwX,go=rX,a-st"
exclude = "--exclude=**/.git --exclude=**/*.cnb --exclude=**/.extpack-* --exclude=docker-bake*.hcl"

output = ["type=image,rewrite-timestamp=true,unpack=false"]

variable "PLATFORMS" { default = "linux/arm64,linux/arm/v7" }
variable "INDEX" { default = true }
variable "VERSION" { default = "0.0.1" }
variable "IMAGE" { default = "registry.example/samples/platform-roots" }
variable "TAGS" { default = VERSION }

group "default" { targets = ["samples_platform-roots", "samples_platform-roots-linux-amd64-ubuntu_22_04", "samples_platform-roots-linux-amd64-ubuntu_24_04"] }

group "samples_platform-roots-linux-amd64" { targets = ["samples_platform-roots-linux-amd64-ubuntu_22_04", "samples_platform-roots-linux-amd64-ubuntu_24_04"] }

target "docker-metadata-action" {}

metadata = "{\"id\":\"samples/platform-roots\",\"name\":\"Platform roots\",\"version\":\"${VERSION}\",\"description\":\"Installs the OpenSSL libraries under the name each platform knows them by\",\"homepage\":\"https://github.com/extpack/extpack/tree/main/examples/platform-roots\",\"licenses\":[{\"Type\":\"Apache-2.0\",\"URI\":\"\"}],\"stacks\":null}"

target "_samples_platform-roots" {
  description = "samples/platform-roots@${VERSION}: Platform roots"
  context     = "platform-roots"
  args = {
    DEST              = "/cnb/extensions/samples_platform-roots/${VERSION}"
    SOURCE_DATE_EPOCH = "0"
  }
  labels = { "io.buildpacks.buildpackage.metadata" = metadata }
  tags   = [for tag in compact(split(",", TAGS)) : length(regexall(":", tag)) > 0 ? tag : "${IMAGE}:${tag}" if IMAGE != ""]
  attest = ["type=provenance,disabled=true"]
}

target "_samples_platform-roots-files" {
  inherits = ["_samples_platform-roots"]
  args = {
    FILE_1           = "LICENSE.txt"
    FILE_2           = "lib"
    ROOT_LINUX_ARM64 = "linux/arm64"
    ROOT_LINUX_ARMV7 = "linux/arm/v7"
  }
  dockerfile-inline = <<EOT
FROM scratch AS tree-linux-arm64
ARG DEST
ARG FILE_1
ARG ROOT_LINUX_ARM64
ARG FILE_2
COPY ${copy} ${exclude} $${FILE_1} $${DEST}/$${FILE_1}
COPY ${copy} ${exclude} $${FILE_2} $${DEST}/$${FILE_2}
COPY ${copy} ${exclude} $${ROOT_LINUX_ARM64} extension.toml $${DEST}/

FROM scratch AS tree-linux-armv7
ARG DEST
ARG FILE_1
ARG ROOT_LINUX_ARMV7
ARG FILE_2
COPY ${copy} ${exclude} $${FILE_1} $${DEST}/$${FILE_1}
COPY ${copy} ${exclude} $${FILE_2} $${DEST}/$${FILE_2}
COPY ${copy} ${exclude} $${ROOT_LINUX_ARMV7} extension.toml $${DEST}/

FROM tree-$${TARGETOS}-$${TARGETARCH}$${TARGETVARIANT} AS tree

FROM scratch
COPY --from=tree / /
EOT
}

target "samples_platform-roots" {
  inherits = ["_samples_platform-roots-files", "docker-metadata-action"]
  args = { BUILDKIT_MULTI_PLATFORM = INDEX ? 1 : 0 }
  annotations = [for v in [
    "index:io.buildpacks.buildpackage.metadata=${metadata}",
    "index:io.buildpacks.extension.api=0.10",
    "index:io.buildpacks.extension.id=samples/platform-roots",
    "index:io.buildpacks.extension.version=${VERSION}",
    "index:org.opencontainers.image.created=1980-01-01T00:00:01Z",
    "index:org.opencontainers.image.description=Installs the OpenSSL libraries under the name each platform knows them by",
    "index:org.opencontainers.image.licenses=Apache-2.0",
    "index:org.opencontainers.image.title=Platform roots",
    "index:org.opencontainers.image.url=https://github.com/extpack/extpack/tree/main/examples/platform-roots",
    "index:org.opencontainers.image.version=${VERSION}",
  ] : v if INDEX]
  platforms = split(",", PLATFORMS)
  output    = output
}

target "samples_platform-roots-platform" {
  matrix = { platform = split(",", PLATFORMS) }
  name      = "samples_platform-roots-${replace(platform, "/", "-")}"
  inherits  = ["_samples_platform-roots-files", "docker-metadata-action"]
  platforms = [platform]
  tags      = []
  output    = output
}

target "samples_platform-roots-linux-amd64-ubuntu_22_04" {
  inherits = ["_samples_platform-roots", "docker-metadata-action"]
  args = {
    FILE_1 = "LICENSE.txt"
    FILE_2 = "lib"
    ROOT   = "linux/amd64/ubuntu@22.04"
  }
  dockerfile-inline = <<EOT
FROM scratch AS tree
ARG DEST
ARG FILE_1
ARG ROOT
ARG FILE_2
COPY ${copy} ${exclude} $${FILE_1} $${DEST}/$${FILE_1}
COPY ${copy} ${exclude} $${FILE_2} $${DEST}/$${FILE_2}
COPY ${copy} ${exclude} $${ROOT} extension.toml $${DEST}/

FROM scratch
COPY --from=tree / /
EOT
  platforms         = ["linux/amd64"]
  tags              = []
  output            = output
}

target "samples_platform-roots-linux-amd64-ubuntu_24_04" {
  inherits = ["samples_platform-roots-linux-amd64-ubuntu_22_04"]
  args = {
    FILE_1 = "LICENSE.txt"
    FILE_2 = "lib"
    ROOT   = "linux/amd64/ubuntu@24.04"
  }
  platforms = ["linux/amd64"]
  output    = output
}
