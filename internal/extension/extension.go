// Package extension reads the two files that describe an image extension:
// extension.toml (the descriptor) and package.toml (how to package it). It
// turns bytes into checked values with their positions and reports everything
// that is wrong with a file at once.
//
// It does not look at the files of an extension (package content does), does
// not decide which platforms are built (package plan does), and writes nothing.
package extension

import (
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
)

// File names of an extension, fixed by the Image Extension Specification and,
// for package.toml, by pack.
const (
	DescriptorFile = "extension.toml"
	PackageFile    = "package.toml"
)

// Descriptor is a valid extension.toml.
// Format: Buildpacks "Image Extension Specification", section "extension.toml
// (TOML)", plus the keys pack and Paketo's tools read.
type Descriptor struct {
	// File is the path the descriptor was read from, as the user would name it.
	File string
	// Text is the content to package where a version from elsewhere makes it
	// another one than that of File; see [ReadAs].
	Text []byte
	// API is the Buildpack API version, "MAJOR.MINOR".
	API  string
	Info Info
	// Targets are the [[targets]] in file order; empty when there are none.
	Targets  []Target
	Metadata Metadata
}

// Info is the [extension] table. The order of its fields and their JSON names
// are those of pack's io.buildpacks.buildpackage.metadata label.
type Info struct {
	ID          string    `json:"id,omitempty"`
	Name        string    `json:"name,omitempty"`
	Version     string    `json:"version,omitempty"`
	Description string    `json:"description,omitempty"`
	Homepage    string    `json:"homepage,omitempty"`
	Keywords    []string  `json:"keywords,omitempty"`
	ExecEnv     []string  `json:"exec-env,omitempty"`
	Licenses    []License `json:"licenses,omitempty"`
	ClearEnv    bool      `json:"clear-env,omitempty"`
}

// License is one [[extension.licenses]]; Type may be an SPDX identifier. The
// JSON names are pack's, which has none of its own and so uses Go's.
type License struct {
	Type string `json:"Type"`
	URI  string `json:"URI"`
}

// Target is one [[targets]] of a descriptor or package.toml, spelled as in the
// file. The JSON form is the one in the io.buildpacks.extension.layers label.
type Target struct {
	OS      string   `json:"os"`
	Arch    string   `json:"arch"`
	Variant string   `json:"variant,omitempty"`
	Distros []Distro `json:"distros,omitempty"`
	// Path is the folder that holds this target's files, relative to the
	// extension root and separated by "/" (RFC 0128); empty when not given.
	Path string `json:"-"`
	// Position is where the [[targets]] stands; PathPosition its path key.
	Position     diag.Position `json:"-"`
	PathPosition diag.Position `json:"-"`
}

// Complete reports whether the target names a platform. The specification lets
// a descriptor leave os or arch out, which then match anything: such a target
// says what the extension is for, not what to build.
func (t Target) Complete() bool { return t.OS != "" && t.Arch != "" }

// Distro is one [[targets.distros]].
type Distro struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
}

// String gives "name@version", or the name alone.
func (d Distro) String() string {
	if d.Version == "" {
		return d.Name
	}
	return d.Name + "@" + d.Version
}

// Metadata is what docker extpack reads from the free-form [metadata] table.
type Metadata struct {
	// IncludeFiles is metadata.include-files, the allow-list that Paketo's
	// tools honour; nil when the key is absent.
	IncludeFiles []Entry
	Extpack      Settings
}

// Settings is the [metadata.extpack] table, docker extpack's own.
type Settings struct {
	// Image is the reference to publish to when no tag is given; the version
	// is its tag when it has none.
	Image Entry
	// Shared names files and folders of the extension root that every platform
	// gets when platform roots are in use.
	Shared      []Entry
	Labels      map[string]string
	Annotations map[string]string
	// Build is the [metadata.extpack.build] table; nil when absent.
	Build *Build
	// Lint are the rules that [[metadata.extpack.lint.ignore]] turns off.
	Lint rules.Exceptions
}

// Entry is a string together with where it stands.
type Entry struct {
	Value    string
	Position diag.Position
}

// Build is the [metadata.extpack.build] table: platform roots that come from a
// build stage instead of a folder, and the caches of every build.
type Build struct {
	Position diag.Position
	// Dockerfile is relative to the extension root; empty when not given.
	Dockerfile Entry
	// Stage is the stage whose files are the platform root; empty for the last.
	Stage Entry
	Args  map[string]string
	// Contexts are named build contexts: folders relative to the extension
	// root, or what buildx takes besides, such as "docker-image://…".
	Contexts map[string]string
	// ArgPositions and ContextPositions are where the names stand.
	ArgPositions, ContextPositions map[string]diag.Position
	// Secrets are in the form of the flag of docker buildx build, with
	// "required=false" for one that may be missing, or an id alone. SSH is in
	// the form of the flag.
	Secrets []Entry
	SSH     []Entry
	// AddHosts are entries of the hosts file of RUN: "HOST:IP" or "HOST=IP".
	AddHosts []Entry
	// Network is the network mode of RUN: "default", "host" or "none".
	Network Entry
	// CacheFrom and CacheTo are in the form of the flags; they may hold
	// {{.ID}}, {{.Slug}} and {{.Version}}.
	CacheFrom []Entry
	CacheTo   []Entry
}

// HasStage reports whether the table describes a build stage, rather than
// caches alone, which say nothing about one.
func (b *Build) HasStage() bool {
	return b.Dockerfile.Value != "" || b.Stage.Value != "" || b.Network.Value != "" ||
		len(b.Args)+len(b.Contexts)+len(b.Secrets)+len(b.SSH)+len(b.AddHosts) > 0 || len(b.CacheFrom)+len(b.CacheTo) == 0
}

// Package is a valid package.toml of an extension.
type Package struct {
	File string
	// URI is [extension] uri, "." when not given.
	URI Entry
	// Root is the directory or archive that URI names.
	Root    string
	Targets []Target
	// OS is os in [platform], which [[targets]] replaced; nil when not given.
	OS *Entry
}

// EscapedID is the id as it stands in paths: "/" becomes "_" as in pack and the
// lifecycle. It is not injective; see Slug.
func (i Info) EscapedID() string { return EscapeID(i.ID) }

// EscapeID returns the name of the folder of an extension in a layer.
func EscapeID(id string) string { return strings.ReplaceAll(id, "/", "_") }

// String gives "id@version".
func (i Info) String() string { return i.ID + "@" + i.Version }

// Dir is the extension root the descriptor was read from.
func (d *Descriptor) Dir() string { return filepath.Dir(d.File) }
