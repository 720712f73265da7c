package rules

import "github.com/extpack/extpack/internal/diag"

// Rules for entry points and the layout.
var (
	EntryPointMissing = define(Rule{
		ID: "entry-point-missing", Severity: diag.Warning,
		Summary: "bin/generate or a folder generate is present; without them, an extension has no effect.",
		Source:  specExtension, Section: "Generation", Fix: "add bin/generate, or generate/build.Dockerfile or generate/run.Dockerfile",
	})
	EntryPoint = define(Rule{
		ID: "entry-point", Severity: diag.Error, Lifecycle: true, Fixable: true,
		Summary: "bin/detect and bin/generate, if present, are executable programs or scripts.",
		Source:  specExtension, Section: "Detection, Generation", Fix: "make it a program of the platform or a script that begins with #!, and chmod 0755 it",
	})
	EntryPointMode = define(Rule{
		ID: "entry-point-mode", Severity: diag.Warning, Directory: true, Fixable: true,
		Summary: "bin/detect and bin/generate are executable in the directory too; docker extpack sets this in packages, and other tools do not.",
		Source:  specExtension, Section: "Detection, Generation", Fix: "chmod 0755 it",
	})
	StaticIgnored = define(Rule{
		ID: "static-ignored", Severity: diag.Warning,
		Summary: "There is no folder detect next to bin/detect, and no folder generate next to bin/generate: the folder would be ignored.",
		Source:  specExtension, Section: "Detection, Generation", Fix: "remove one of them",
	})
	BinBuild = define(Rule{
		ID: "bin-build", Severity: diag.Warning,
		Summary: "bin/build, the program of a buildpack, is absent.",
		Source:  specExtension, Section: "Generation", Fix: "rename it bin/generate, or remove it",
	})
	ScriptInterpreter = define(Rule{
		ID: "script-interpreter", Severity: diag.Error, Lifecycle: true, Fixable: true,
		Summary: "The first line of every script names an interpreter that Linux can find.",
		Source:  linux, Section: "fs/binfmt_script.c", Fix: "begin the file with a line such as #!/bin/sh or #!/usr/bin/env bash, and end its lines with LF",
	})
	ScriptLength = define(Rule{
		ID: "script-length", Severity: diag.Warning,
		Summary: "The first line of every script has at most 127 bytes, the limit of Linux before 5.1.",
		Source:  linux, Section: "fs/binfmt_script.c", Fix: "shorten the line",
	})
	ScriptMissing = define(Rule{
		ID: "script-missing", Severity: diag.Warning,
		Summary: "Every executable text begins with #!; otherwise only shells can run it.",
		Source:  linux, Section: "execve(2)", Fix: "begin the file with a line such as #!/bin/sh, or chmod 0644 the file",
	})
	BinaryPlatform = define(Rule{
		ID: "binary-platform", Severity: diag.Error, Lifecycle: true,
		Summary: "Executables and shared objects are built for the platform of their image.",
		Source:  linux, Section: "execve(2)",
		Fix: "compile it for this platform and put each platform's files into its own platform root, such as linux/arm64/; --allow-platform-mismatch allows it",
	})
	BinaryVariant = define(Rule{
		ID: "binary-variant", Severity: diag.Error,
		Summary: "Executables for 32-bit ARM do not require a later architecture version than the platform's variant.",
		Source:  linux, Section: "execve(2)", Fix: "compile it for this variant, with Go by GOARM, with GCC by -march; --allow-platform-mismatch allows it",
	})
	DetectOutput = define(Rule{
		ID: "detect-output-dir", Severity: diag.Warning,
		Summary: "bin/detect does not use CNB_OUTPUT_DIR, which lifecycles set for bin/generate only.",
		Source:  lifecycle, Section: "buildpack/detect.go", Fix: "write the plan to $CNB_BUILD_PLAN_PATH",
	})
	VariableNewer = define(Rule{
		ID: "variable-newer", Severity: diag.Warning,
		Summary: "Entry points use no CNB_ variable that is newer than the api.",
		Source:  lifecycle, Section: "buildpack/detect.go, buildpack/generate.go", Fix: "raise the api, or use the positional arguments",
	})
	ExitCode = define(Rule{
		ID: "exit-code", Severity: diag.Error, Lifecycle: true, Run: true,
		Summary: "bin/detect exits with 0 or 100, and bin/generate with 0.",
		Source:  lifecycle, Section: "buildpack/detect.go, buildpack/generate.go", Fix: "see the output of the program",
	})
	AppChanged = define(Rule{
		ID: "app-changed", Severity: diag.Error, Run: true,
		Summary: "bin/generate does not write to the folder of the application.",
		Source:  specExtension, Section: "Generation", Fix: "write to $CNB_OUTPUT_DIR",
	})
	SBOM = define(Rule{
		ID: "sbom", Severity: diag.Warning,
		Summary: "generate contains no SBOM files.",
		Source:  specExtension, Section: "Generation", Fix: "remove the file",
	})
	Secret = define(Rule{
		ID: "secret", Severity: diag.Warning,
		Summary: "The package contains no .env file, private key or token.",
		Source:  extpack, Section: "Secrets", Fix: "add the file to .dockerignore; --allow-secrets or an exception in [metadata.extpack.lint] allows it",
	})
	VersionControl = define(Rule{
		ID: "version-control", Severity: diag.Warning,
		Summary: "The package contains no folder of a version control system.",
		Source:  extpack, Section: "Secrets", Fix: "add the folder to .dockerignore; --allow-secrets or an exception in [metadata.extpack.lint] allows it",
	})
	LargeFile = define(Rule{
		ID: "large-file", Severity: diag.Warning,
		Summary: "No file is larger than 10 MB.",
		Source:  extpack, Section: "Secrets", Fix: "add the file to .dockerignore; --allow-secrets or an exception in [metadata.extpack.lint] allows it",
	})
)

// Rules for detect/plan.toml.
var (
	PlanTOML = define(Rule{
		ID: "plan-toml", Severity: diag.Error, Lifecycle: true,
		Summary: "plan.toml is a build plan in TOML.",
		Source:  specBuildpack, Section: "Build Plan (TOML)", Fix: "see the Buildpack Interface Specification, \"Build Plan (TOML)\"",
	})
	PlanRequires = define(Rule{
		ID: "plan-requires", Severity: diag.Error, Lifecycle: true,
		Summary: "The plan has no requires, not even below or.",
		Source:  specExtension, Section: "Detection", Fix: "remove it: extensions only provide, and buildpacks require",
	})
	PlanProvides = define(Rule{
		ID: "plan-provides", Severity: diag.Error,
		Summary: "Every provides of the plan has a name.",
		Source:  specBuildpack, Section: "Build Plan (TOML)", Fix: `add name = "…"`,
	})
	PlanKey = define(Rule{
		ID: "plan-key", Severity: diag.Warning,
		Summary: "The plan has no keys that lifecycles do not read.",
		Source:  specBuildpack, Section: "Build Plan (TOML)", Fix: "correct the name of the key",
	})
)

// Rules for extend-config.toml and the context folders.
var (
	ConfigTOML = define(Rule{
		ID: "config-toml", Severity: diag.Error, Lifecycle: true,
		Summary: "extend-config.toml is TOML in the specified form.",
		Source:  specExtension, Section: "extend-config.toml (TOML)", Fix: "see the Image Extension Specification, \"extend-config.toml (TOML)\"",
	})
	ConfigArg = define(Rule{
		ID: "config-arg", Severity: diag.Error,
		Summary: "Every argument of extend-config.toml has a name and a value.",
		Source:  specExtension, Section: "extend-config.toml (TOML)", Fix: `add name = "…" and value = "…"`,
	})
	ConfigReserved = define(Rule{
		ID: "config-reserved", Severity: diag.Error, Lifecycle: true,
		Summary: "No argument of extend-config.toml is build_id, user_id or group_id.",
		Source:  specExtension, Section: "extend-config.toml (TOML)", Fix: "rename it: the lifecycle sets these arguments itself",
	})
	ConfigKey = define(Rule{
		ID: "config-key", Severity: diag.Warning,
		Summary: "extend-config.toml has no keys that lifecycles do not read.",
		Source:  specExtension, Section: "extend-config.toml (TOML)", Fix: "correct the name of the key",
	})
	ContextConflict = define(Rule{
		ID: "context-conflict", Severity: diag.Error, Lifecycle: true,
		Summary: "The folder context is not next to context.run or context.build.",
		Source:  specExtension, Section: "Context Folders", Fix: "keep either context, or context.run and context.build",
	})
)
