package verify

import (
	"archive/tar"
	"fmt"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

// checkDescriptor checks the extension.toml in the layer against the label.
func (c *checker) checkDescriptor(i *image) {
	if i.tree == nil {
		return
	}
	const file = "extension.toml"
	e := i.tree.files[i.dir+"/"+file]
	switch {
	case e == nil:
		c.report(idDescriptorMissing, i, file, "the layer holds no /%s/%s", i.dir, file)
		return
	case e.kind != tar.TypeReg:
		c.report(idDescriptorInvalid, i, file, "%s is %s, not a file", file, kindWords(e.kind))
		return
	case e.size > maxDescriptorBytes:
		c.report(idDescriptorInvalid, i, file, "%s is %d bytes long; the limit is %d", file, e.size, maxDescriptorBytes)
		return
	}
	// Whether the rest follows the specification is the linter's question.
	head, err := extension.ReadHead(file, e.data)
	if err != nil {
		c.report(idDescriptorInvalid, i, file, "%s is not valid: %s", file, diag.Of(err)[0])
		return
	}
	for _, field := range []struct{ name, got, want string }{
		{"api", head.API, i.labels.api}, {"id", head.ID, i.labels.id}, {"version", head.Version, i.labels.version},
	} {
		if field.got != field.want {
			c.report(idDescriptorMismatch, i, file, "%s has the %s %q, but the label says %q", file, field.name, field.got, field.want)
		}
	}
}

// checkEntryPoints checks that what the lifecycle runs can be run. It does so
// as a user who owns nothing here, so the bits for others count.
func (c *checker) checkEntryPoints(i *image) {
	if i.tree == nil || i.platform.OS == "windows" {
		return
	}
	for _, file := range entryPoints {
		name := i.dir + "/" + file
		listed := i.tree.files[name]
		e := i.tree.file(name)
		_, inside := i.tree.resolve(name)
		switch {
		case e == nil && listed == nil, !inside:
			// Both are optional, and links to the outside were reported.
		case e == nil:
			c.report(idEntryPoint, i, file, "%s links to %s, which is not in the layer", file, listed.link)
		case e.kind != tar.TypeReg:
			c.report(idEntryPoint, i, file, "%s is %s, not a file", file, kindWords(e.kind))
		case e.mode&bitOthersExec == 0:
			c.report(idEntryPoint, i, file, "%s has mode %04o, which not everyone may execute", file, e.mode)
		}
	}
}

// checkBinaries checks that executables run where the image does. It knows
// systems that run ELF; lifecycles run extensions on no other.
func (c *checker) checkBinaries(i *image) {
	if i.tree == nil || i.platform.OS == "windows" || i.platform.OS == "darwin" {
		return
	}
	for _, e := range i.tree.entries {
		if e.exe == nil || !i.tree.inside(e.name) {
			continue
		}
		id := idBinaryPlatform
		words, variant := e.exe.Mismatch(i.platform)
		if i.any {
			words, variant = fmt.Sprintf("is %s, but this image is for any platform", e.exe), false
		}
		if variant {
			id = idBinaryVariant
		}
		if words != "" {
			file := i.tree.rel(e.name)
			c.report(id, i, file, "%s %s", file, words)
		}
	}
}

// bitsExec of a mode make a file an executable for somebody.
const bitsExec = 0o111

// checkScripts checks the executables that are no programs.
func (c *checker) checkScripts(i *image) {
	if i.tree == nil || i.platform.OS == "windows" {
		return
	}
	run := map[*entry]bool{} // by the lifecycle, maybe through a link
	for _, file := range entryPoints {
		run[i.tree.file(i.dir+"/"+file)] = true
	}
	for _, e := range i.tree.entries {
		fault := e.fault
		if fault == nil || !i.tree.inside(e.name) {
			continue
		}
		id := fault.Rule.ID
		switch {
		case id == idScriptMissing && run[e]:
			id = idEntryPoint // unlike a shell, the lifecycle does not try to interpret it
		case id == idScriptMissing && !fault.Text:
			continue // data that got exec bits somehow
		}
		file := i.tree.rel(e.name)
		c.report(id, i, file, "%s %s", file, fault.Words)
	}
}

// entryPoints are what the lifecycle runs, relative to the extension.
var entryPoints = []string{"bin/detect", "bin/generate"}

// isExecutable reports whether a file is meant to be run.
func (e *entry) isExecutable() bool { return e.kind == tar.TypeReg && e.mode&bitsExec != 0 }
