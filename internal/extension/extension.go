// Package extension reads the two files that describe an image extension:
// extension.toml (the descriptor) and package.toml (how to package it). It
// returns validated values with their positions, and reports all problems of a
// file at once.
//
// It does not read other files of an extension (package content does), and does
// not decide which platforms are built (package plan does).
package extension

import (
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
)

// Names of the files, defined by the Image Extension Specification and, for
// package.toml, by pack.
const (
	DescriptorFile = "extension.toml"
	PackageFile    = "package.toml"
)

// Descriptor is a valid extension.toml. Format: Buildpacks "Image Extension
// Specification", section "extension.toml (TOML)", plus the keys of pack and
// Paketo's tools.
type Descriptor struct {
	// File is the path of the descriptor in messages.
	File string
	// Text is the content to package if it differs from that of File because of
	// another version; see [ReadAs].
	Text []byte
	// around is the content to package before and after the version, nil if
	// another version cannot be written.
	around [][]byte
	// API is the Buildpack API version, "MAJOR.MINOR".
	API  string
	Info Info
	// Targets are the [[targets]] in file order.
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
// JSON names are those of pack, which are the names of Go fields.
type License struct {
	Type string `json:"Type"`
	URI  string `json:"URI"`
}

// Target is one [[targets]] of a descriptor or package.toml, as written in the
// file. The JSON form is the one in the io.buildpacks.extension.layers label.
type Target struct {
	OS      string   `json:"os"`
	Arch    string   `json:"arch"`
	Variant string   `json:"variant,omitempty"`
	Distros []Distro `json:"distros,omitempty"`
	// Path is the folder with the files of the target, relative to the
	// extension root and separated by "/" (RFC 0128). It is optional.
	Path string `json:"-"`
	// Position is the position of the [[targets]], PathPosition that of its
	// path key.
	Position     diag.Position `json:"-"`
	PathPosition diag.Position `json:"-"`
}

// Complete reports whether the target names a platform. A descriptor may omit
// os or arch, which then match anything: such a target says what the extension
// supports, not what to build.
func (t Target) Complete() bool { return t.OS != "" && t.Arch != "" }

// Distro is one [[targets.distros]].
type Distro struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
}

// String returns "name@version", or only the name.
func (d Distro) String() string {
	if d.Version == "" {
		return d.Name
	}
	return d.Name + "@" + d.Version
}

// Metadata is the part of the free-form [metadata] table that docker extpack
// reads.
type Metadata struct {
	// IncludeFiles is metadata.include-files, the allow-list of Paketo's tools.
	// It is nil if the key is absent.
	IncludeFiles []Entry
	Extpack      Settings
}

// Settings is the [metadata.extpack] table, docker extpack's own.
type Settings struct {
	// Image is the reference to publish to if no tag is specified. The version
	// is the default tag.
	Image Entry
	// Shared are files and folders of the extension root that are copied for
	// every platform if there are platform roots.
	Shared      []Entry
	Labels      map[string]string
	Annotations map[string]string
	// LabelPositions and AnnotationPositions are the positions of the names.
	LabelPositions, AnnotationPositions map[string]diag.Position
	// Git adds the annotations of source and revision.
	Git Flag
	// Build is the [metadata.extpack.build] table, or nil.
	Build *Build
	// Lint are the rules that [[metadata.extpack.lint.ignore]] turns off.
	Lint rules.Exceptions
	Test Test
}

// Test is the [metadata.extpack.test] table: what "docker extpack test" tests
// with.
type Test struct {
	// BuilderImage has the build image, the lifecycle and the name of the run
	// image. The others replace these.
	BuilderImage, BuildImage, RunImage, Lifecycle Entry
	// Cases is the folder with the test cases. The default is "tests".
	Cases Entry
}

// Flag is a boolean with its position.
type Flag struct {
	Set      bool
	Position diag.Position
}

// Entry is a string with its position.
type Entry struct {
	Value    string
	Position diag.Position
}

// Build is the [metadata.extpack.build] table: the build stage for platform
// roots, and the caches of every build.
type Build struct {
	Position diag.Position
	// Dockerfile is relative to the extension root. It is optional.
	Dockerfile Entry
	// Stage is the stage whose files are the platform root. Empty means the
	// last one.
	Stage Entry
	Args  map[string]string
	// Contexts are named build contexts: folders relative to the extension
	// root, or other contexts of buildx, such as "docker-image://…".
	Contexts map[string]string
	// ArgPositions and ContextPositions are the positions of the names.
	ArgPositions, ContextPositions map[string]diag.Position
	// Secrets are in the form of the flag of docker buildx build, with
	// "required=false" for an optional one, or only an id. SSH is in the form
	// of the flag.
	Secrets []Entry
	SSH     []Entry
	// Targets are the stages of platforms that have another one, by platform,
	// and TargetPositions the positions of the platforms.
	Targets         map[string]string
	TargetPositions map[string]diag.Position
	// Pull is whether base images are looked up in their registry even if the
	// Docker Engine that builds has them. Other builders always do.
	Pull bool
	// NoCacheFilter are stages that are always built.
	NoCacheFilter []Entry
	// ShmSize is the size of /dev/shm, and Ulimits are the limits of RUN, in the
	// form of the flags of docker buildx build.
	ShmSize Entry
	Ulimits []Entry
	// AddHosts are entries of the hosts file of RUN: "HOST:IP" or "HOST=IP".
	AddHosts []Entry
	// Network is the network mode of RUN: "default", "host" or "none".
	Network Entry
	// CacheFrom and CacheTo are in the form of the flags. They may contain
	// {{.ID}}, {{.Slug}} and {{.Version}}.
	CacheFrom []Entry
	CacheTo   []Entry
	// Compression is the compression of layers, "gzip" or "zstd", and
	// CompressionLevel its level. Both may be empty.
	Compression, CompressionLevel Entry
}

// HasStage reports whether the table configures a build stage, and not only
// caches and compression.
func (b *Build) HasStage() bool {
	return b.Dockerfile.Value != "" || b.Stage.Value != "" || b.Network.Value != "" || b.ShmSize.Value != "" || b.Pull ||
		len(b.Targets)+len(b.NoCacheFilter)+len(b.Ulimits) > 0 ||
		len(b.Args)+len(b.Contexts)+len(b.Secrets)+len(b.SSH)+len(b.AddHosts) > 0 ||
		len(b.CacheFrom)+len(b.CacheTo) == 0 && b.Compression.Value == "" && b.CompressionLevel.Value == ""
}

// Package is a valid package.toml of an extension.
type Package struct {
	File string
	// URI is [extension] uri; the default is ".".
	URI Entry
	// Root is the directory or archive at URI.
	Root    string
	Targets []Target
	// OS is os in [platform], which [[targets]] replaced. It is optional.
	OS *Entry
}

// EscapedID returns the id for paths: "/" is replaced by "_" as in pack and the
// lifecycle. Different ids may have the same result; see Slug.
func (i Info) EscapedID() string { return EscapeID(i.ID) }

// Path returns the extension's folder in its images (Buildpack Interface
// Specification, "Image Extensions", and pack: "/" in ids becomes "_").
func (i Info) Path() string { return "/cnb/extensions/" + i.EscapedID() + "/" + i.Version }

// EscapeID returns the name of the folder of an extension in a layer.
func EscapeID(id string) string { return strings.ReplaceAll(id, "/", "_") }

// String returns "id@version".
func (i Info) String() string { return i.ID + "@" + i.Version }

// Dir returns the extension root of the descriptor.
func (d *Descriptor) Dir() string { return filepath.Dir(d.File) }
