package rules

import "github.com/extpack/extpack/internal/diag"

// Rules for extension.toml and package.toml.
var (
	Descriptor = define(Rule{
		ID: "descriptor", Severity: diag.Error, Directory: true, Lifecycle: true, Required: true,
		Summary: "extension.toml is a file in the directory of the extension and can be read.",
		Source:  specExtension, Section: "extension.toml (TOML)", Fix: "name the directory that contains extension.toml",
	})
	TOML = define(Rule{
		ID: "toml", Severity: diag.Error, Required: true, Lifecycle: true,
		Summary: "extension.toml and package.toml are TOML in UTF-8, at most 256 KiB long.",
		Source:  toml, Section: "Spec", Fix: "correct the syntax",
	})
	ValueType = define(Rule{
		ID: "value-type", Severity: diag.Error, Required: true, Lifecycle: true,
		Summary: "Every key has a value of the type that it is specified with.",
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: "use a value of that type",
	})
	APIMissing = define(Rule{
		ID: "api-missing", Severity: diag.Error, Lifecycle: true, Required: true, Fixable: true,
		Summary: "The key api is present.",
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: `add api = "0.10" as the first line`,
	})
	APIInvalid = define(Rule{
		ID: "api-invalid", Severity: diag.Error, Lifecycle: true, Required: true,
		Summary: "The api is a Buildpack API version, MAJOR.MINOR.",
		Source:  specBuildpack, Section: "Buildpack API Compatibility", Fix: `write it as MAJOR.MINOR, such as "0.10"`,
	})
	APIUnsupported = define(Rule{
		ID: "api-unsupported", Severity: diag.Error, Lifecycle: true,
		Summary: "The api is supported by lifecycles that run extensions, 0.7 to 0.12.",
		Source:  lifecycle, Section: "api/apis.go", Fix: `use an api of 0.7 to 0.12, such as "0.10"`,
	})
	TableMissing = define(Rule{
		ID: "extension-missing", Severity: diag.Error, Required: true,
		Summary: "The table [extension] is present.",
		Source:  specExtension, Section: "extension.toml (TOML)", Fix: "add the table [extension] with id and version",
	})
	IDMissing = define(Rule{
		ID: "id-missing", Severity: diag.Error, Required: true,
		Summary: "The extension has an id.",
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: `add id = "my-company/my-extension" below [extension]`,
	})
	IDInvalid = define(Rule{
		ID: "id-invalid", Severity: diag.Error, Required: true,
		Summary: `The id contains only letters, digits, ".", "/" and "-", and is valid in a path.`,
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: "rename the extension",
	})
	IDReserved = define(Rule{
		ID: "id-reserved", Severity: diag.Error, Required: true,
		Summary: "The id is not app, config, generated or sbom.",
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: "rename the extension",
	})
	IDUnderscore = define(Rule{
		ID: "id-underscore", Severity: diag.Warning,
		Summary: `The id does not contain "_", which the specification does not allow.`,
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: `write "-" in place of "_"`,
	})
	IDRegistry = define(Rule{
		ID: "id-registry", Severity: diag.Warning, Advice: true,
		Summary: `The id is valid in the CNB registry: one "/", and lower-case letters, digits, "." and "-".`,
		Source:  specRegistry, Section: "Buildpack ID", Fix: "name it as my-company/my-extension",
	})
	IDCase = define(Rule{
		ID: "id-case", Severity: diag.Error, Directory: true,
		Summary: "No two extensions of a run have ids that differ only by case.",
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: "rename one of them",
	})
	VersionMissing = define(Rule{
		ID: "version-missing", Severity: diag.Error, Required: true,
		Summary: "The extension has a version.",
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: `add version = "0.0.1" below [extension], or set it with --version`,
	})
	VersionInvalid = define(Rule{
		ID: "version-invalid", Severity: diag.Error, Required: true,
		Summary: "The version is X.Y.Z, three numbers without leading zeros.",
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: "write it as X.Y.Z",
	})
	VersionPublished = define(Rule{
		ID: "version-published", Severity: diag.Warning, Online: true,
		Summary: "The version is greater than those that are published.",
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: "increase the version",
	})
	Order = define(Rule{
		ID: "order", Severity: diag.Error,
		Summary: "[[order]] is absent: extensions have no groups.",
		Source:  "RFC 0105", Section: "Image Extensions", Fix: "remove [[order]]; a builder orders extensions with [[order-extensions]]",
	})
	LicenseEmpty = define(Rule{
		ID: "license-empty", Severity: diag.Warning,
		Summary: "Every license has a type or a uri.",
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: `add type = "Apache-2.0" or a uri`,
	})
	LicenseSPDX = define(Rule{
		ID: "license-spdx", Severity: diag.Warning, Advice: true,
		Summary: "The type of a license is an SPDX license expression.",
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: "use an identifier of https://spdx.org/licenses",
	})
	Homepage = define(Rule{
		ID: "homepage", Severity: diag.Warning,
		Summary: "The homepage is an http or https URL.",
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: "write the whole URL",
	})
	ControlCharacter = define(Rule{
		ID: "control-character", Severity: diag.Error, Required: true,
		Summary: "Values that are written to labels, tags and terminals contain no control characters.",
		Source:  extpack, Section: "Descriptor", Fix: "remove the character",
	})
	KeyCase = define(Rule{
		ID: "key-case", Severity: diag.Error, Required: true,
		Summary: "No key differs only by case from one that tools read: their parsers disagree on it.",
		Source:  specExtension, Section: "extension.toml (TOML)", Fix: "write the key in lower case",
	})
	UnknownKey = define(Rule{
		ID: "unknown-key", Severity: diag.Warning,
		Summary: "Every key outside [metadata] is one that tools read.",
		Source:  specExtension, Section: "extension.toml (TOML)", Fix: "correct the name, or move the key below [metadata]",
	})
	DeprecatedKey = define(Rule{
		ID: "deprecated-key", Severity: diag.Warning,
		Summary: "No key is deprecated or only for buildpacks: stacks, sbom-formats, clear-env.",
		Source:  specBuildpack, Section: "buildpack.toml (TOML)", Fix: "remove the key",
	})
	OldSpelling = define(Rule{
		ID: "old-spelling", Severity: diag.Warning, Fixable: true,
		Summary: "Keys of targets are spelled as tools read them, not as in drafts and examples of RFCs.",
		Source:  "RFC 0096", Section: "Targets", Fix: "use the key of the specification",
	})
	Setting = define(Rule{
		ID: "setting", Severity: diag.Error, Directory: true, Required: true,
		Summary: "The settings in [metadata.extpack], include-files and package.toml can be used.",
		Source:  extpack, Section: "Settings", Fix: "correct the setting",
	})
	SettingIgnored = define(Rule{
		ID: "setting-ignored", Severity: diag.Warning, Directory: true,
		Summary: "No setting is ignored by docker extpack, such as metadata.pre-package.",
		Source:  extpack, Section: "Settings", Fix: "remove the setting",
	})
	LintException = define(Rule{
		ID: "lint-exception", Severity: diag.Warning, Directory: true,
		Summary: "Every exception in [metadata.extpack.lint] names a rule that can be turned off and has findings, and has a reason.",
		Source:  extpack, Section: "Exceptions", Fix: "remove the exception, or correct it",
	})
)

// Rules for [[targets]] and platform roots.
var (
	TargetsMissing = define(Rule{
		ID: "targets-missing", Severity: diag.Warning, Advice: true,
		Summary: "[[targets]] are present.",
		Source:  specBuildpack, Section: "Targets", Fix: "add a [[targets]] with os and arch for each platform",
	})
	TargetPlatform = define(Rule{
		ID: "target-platform", Severity: diag.Error, Required: true, Fixable: true,
		Summary: "The os, arch and variant of a target are those of the OCI specification.",
		Source:  specBuildpack, Section: "Targets", Fix: "use the names of Go, such as linux, amd64 and arm64",
	})
	TargetToolchain = define(Rule{
		ID: "target-toolchain", Severity: diag.Warning,
		Summary: "The os, arch and variant of a target are a combination that a known compiler supports.",
		Source:  specOCI, Section: "Image Configuration", Fix: "see \"go tool dist list\"",
	})
	TargetVariant = define(Rule{
		ID: "target-variant", Severity: diag.Warning, Fixable: true,
		Summary: "arch-variant, which the lifecycle reads, is repeated as variant, which the specification and pack read.",
		Source:  lifecycle, Section: "buildpack/bp_descriptor.go", Fix: "add variant with the same value",
	})
	TargetDistro = define(Rule{
		ID: "target-distro", Severity: diag.Error, Required: true,
		Summary: "Every distro of a target has a name, unless it is for Windows, made of letters, digits and . _ + ~ -.",
		Source:  specBuildpack, Section: "Targets", Fix: "use ID and VERSION_ID of the distribution's /etc/os-release",
	})
	DistroSpelling = define(Rule{
		ID: "distro-spelling", Severity: diag.Warning,
		Summary: "Distros have a name and version as ID and VERSION_ID of os-release have them, in lower case.",
		Source:  specBuildpack, Section: "Targets", Fix: "use ID and VERSION_ID of the distribution's /etc/os-release",
	})
	TargetWindows = define(Rule{
		ID: "target-windows", Severity: diag.Warning, Advice: true,
		Summary: "No target is for Windows, where extensions are not run, and no Windows target has the name of a distro.",
		Source:  specExtension, Section: "Phase: Extension", Fix: "remove the target",
	})
	TargetDuplicate = define(Rule{
		ID: "target-duplicate", Severity: diag.Error, Required: true,
		Summary: "No target is specified twice.",
		Source:  specBuildpack, Section: "Targets", Fix: "remove one of them",
	})
	RootUnused = define(Rule{
		ID: "root-unused", Severity: diag.Warning, Directory: true,
		Summary: "Every platform folder has a target, and if one target has a folder, all targets have one.",
		Source:  "RFC 0128", Section: "Multi-arch support for builders and package", Fix: "add the target, or the folder",
	})
	Plan = define(Rule{
		ID: "plan", Severity: diag.Error, Directory: true, Required: true,
		Summary: "The targets, folders and settings can be turned into a build.",
		Source:  extpack, Section: "Targets", Fix: "see the message",
	})
	PlanDoubtful = define(Rule{
		ID: "plan-doubtful", Severity: diag.Warning, Directory: true,
		Summary: "A build packs what was probably meant.",
		Source:  extpack, Section: "Targets", Fix: "see the message",
	})
)
