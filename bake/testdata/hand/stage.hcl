copy    = "--chown=0:0 --chmod=u=rwX,go=rX,a-st"
exclude = "--exclude=**/.git --exclude=**/*.cnb --exclude=**/.extpack-* --exclude=docker-bake*.hcl"

output = ["type=image,rewrite-timestamp=true,unpack=false"]

variable "PLATFORMS" { default = "linux/amd64,linux/arm64,linux/arm/v7,linux/riscv64,linux/s390x" }
variable "INDEX" { default = true }
variable "VERSION" { default = "0.0.1" }
variable "IMAGE" { default = "registry.example/samples/compiled" }
variable "TAGS" { default = VERSION }

group "default" { targets = ["samples_compiled"] }

target "docker-metadata-action" {}

metadata = "{\"id\":\"samples/compiled\",\"name\":\"Debian packages\",\"version\":\"${VERSION}\",\"description\":\"Installs the Debian packages that the Aptfile of an app lists\",\"homepage\":\"https://github.com/extpack/extpack/tree/main/examples/compiled\",\"licenses\":[{\"Type\":\"Apache-2.0\",\"URI\":\"\"}],\"stacks\":null}"

target "_samples_compiled" {
  description = "samples/compiled@${VERSION}: Debian packages"
  context     = "compiled"
  contexts = { root = "target:samples_compiled-build" }
  args = {
    DEST              = "/cnb/extensions/samples_compiled/${VERSION}"
    SOURCE_DATE_EPOCH = "0"
  }
  dockerfile-inline = <<EOT
FROM scratch AS stage
COPY --from=root / /stage/

FROM scratch AS tree
ARG DEST
COPY ${copy} ${exclude} --from=stage /stage $${DEST}/
COPY --chown=0:0 --chmod=0755 --from=root /bi[n]/detec[t] /bi[n]/generat[e] $${DEST}/bin/
COPY ${copy} extension.toml $${DEST}/extension.toml

FROM scratch
COPY --from=tree / /
EOT
  labels = { "io.buildpacks.buildpackage.metadata" = metadata }
  tags   = [for tag in compact(split(",", TAGS)) : length(regexall(":", tag)) > 0 ? tag : "${IMAGE}:${tag}" if IMAGE != ""]
  attest = ["type=provenance,disabled=true"]
}

target "samples_compiled-build" {
  context    = "compiled"
  dockerfile = "Dockerfile"
  target     = "package"
  args = { SOURCE_DATE_EPOCH = "0" }
  contexts = { go = "docker-image://golang:1.26-alpine" }
  platforms = split(",", PLATFORMS)
  output    = ["type=cacheonly"]
  attest    = ["type=provenance,disabled=true"]
}

target "samples_compiled-build-platform" {
  matrix = { platform = split(",", PLATFORMS) }
  name      = "samples_compiled-${replace(platform, "/", "-")}-build"
  inherits  = ["samples_compiled-build"]
  platforms = [platform]
}

target "samples_compiled" {
  inherits = ["_samples_compiled", "docker-metadata-action"]
  args = { BUILDKIT_MULTI_PLATFORM = INDEX ? 1 : 0 }
  annotations = [for v in [
    "index:io.buildpacks.buildpackage.metadata=${metadata}",
    "index:io.buildpacks.extension.api=0.10",
    "index:io.buildpacks.extension.id=samples/compiled",
    "index:io.buildpacks.extension.version=${VERSION}",
    "index:org.opencontainers.image.created=1980-01-01T00:00:01Z",
    "index:org.opencontainers.image.description=Installs the Debian packages that the Aptfile of an app lists",
    "index:org.opencontainers.image.licenses=Apache-2.0",
    "index:org.opencontainers.image.title=Debian packages",
    "index:org.opencontainers.image.url=https://github.com/extpack/extpack/tree/main/examples/compiled",
    "index:org.opencontainers.image.version=${VERSION}",
  ] : v if INDEX]
  platforms = split(",", PLATFORMS)
  output    = output
}

target "samples_compiled-platform" {
  matrix = { platform = split(",", PLATFORMS) }
  name     = "samples_compiled-${replace(platform, "/", "-")}"
  inherits = ["_samples_compiled", "docker-metadata-action"]
  contexts = { root = "target:samples_compiled-${replace(platform, "/", "-")}-build" }
  platforms = [platform]
  tags      = []
  output    = output
}
