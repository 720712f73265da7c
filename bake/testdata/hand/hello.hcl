copy    = "--chown=0:0 --chmod=u=rwX,go=rX,a-st"
exclude = "--exclude=**/.git --exclude=**/*.cnb --exclude=**/.extpack-* --exclude=docker-bake*.hcl"

output = ["type=image,rewrite-timestamp=true,unpack=false"]

variable "PLATFORMS" { default = "linux/amd64,linux/arm64,linux/arm/v7,linux/riscv64" }
variable "INDEX" { default = true }
variable "VERSION" { default = "0.0.1" }
variable "IMAGE" { default = "registry.example/samples/hello" }
variable "TAGS" { default = VERSION }

group "default" { targets = ["samples_hello"] }

target "docker-metadata-action" {}

metadata = "{\"id\":\"samples/hello\",\"name\":\"Hello\",\"version\":\"${VERSION}\",\"description\":\"Leaves a greeting in the build image\",\"homepage\":\"https://github.com/extpack/extpack/tree/main/examples/hello\",\"licenses\":[{\"Type\":\"Apache-2.0\",\"URI\":\"\"}],\"stacks\":null}"

target "_samples_hello" {
  description = "samples/hello@${VERSION}: Hello"
  context     = "hello"
  args = {
    DEST              = "/cnb/extensions/samples_hello/${VERSION}"
    SOURCE_DATE_EPOCH = "0"
  }
  dockerfile-inline = <<EOT
FROM scratch AS tree
ARG DEST
COPY ${copy} ${exclude} --exclude=tests . $${DEST}/
EOT
  labels = { "io.buildpacks.buildpackage.metadata" = metadata }
  tags   = [for tag in compact(split(",", TAGS)) : length(regexall(":", tag)) > 0 ? tag : "${IMAGE}:${tag}" if IMAGE != ""]
  attest = ["type=provenance,disabled=true"]
}

target "samples_hello" {
  inherits = ["_samples_hello", "docker-metadata-action"]
  args = { BUILDKIT_MULTI_PLATFORM = INDEX ? 1 : 0 }
  annotations = [for v in [
    "index:io.buildpacks.buildpackage.metadata=${metadata}",
    "index:io.buildpacks.extension.api=0.10",
    "index:io.buildpacks.extension.id=samples/hello",
    "index:io.buildpacks.extension.version=${VERSION}",
    "index:org.opencontainers.image.created=1980-01-01T00:00:01Z",
    "index:org.opencontainers.image.description=Leaves a greeting in the build image",
    "index:org.opencontainers.image.licenses=Apache-2.0",
    "index:org.opencontainers.image.title=Hello",
    "index:org.opencontainers.image.url=https://github.com/extpack/extpack/tree/main/examples/hello",
    "index:org.opencontainers.image.version=${VERSION}",
  ] : v if INDEX]
  platforms = split(",", PLATFORMS)
  output    = output
}

target "samples_hello-platform" {
  matrix = { platform = split(",", PLATFORMS) }
  name      = "samples_hello-${replace(platform, "/", "-")}"
  inherits  = ["_samples_hello", "docker-metadata-action"]
  platforms = [platform]
  tags      = []
  output    = output
}
