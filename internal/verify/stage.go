package verify

import (
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// systemFile is a file that base images have and extensions do not have
// (os-release(5)).
const systemFile = "etc/os-release"

// checkStage checks the output of a build stage. Files of folders have been
// checked before the build.
func (c *checker) checkStage(i *image) {
	if i.tree == nil || !c.fromStage(i) {
		return
	}
	if i.tree.files[i.dir+"/"+systemFile] != nil {
		c.report(idStageSystem, i, systemFile, "the build stage contains a whole system (/%s), and all of it is in the package", systemFile)
	}
	if i.tree.files[i.dir+"/"+extension.GenerateFile] != nil {
		return
	}
	for _, e := range i.tree.entries {
		if strings.HasPrefix(e.name, i.dir+"/"+extension.GenerateDir+"/") {
			return
		}
	}
	c.report(idStageEmpty, i, extension.GenerateFile, "the build stage has no /bin/generate and no folder /generate")
}

// fromStage reports whether the promised image is from a build stage.
func (c *checker) fromStage(i *image) bool {
	if c.opts.Promise == nil {
		return false
	}
	if !slices.ContainsFunc(c.opts.Promise.Images, func(want PromisedImage) bool { return want.Stage }) {
		return false
	}
	keys := map[platform.Identity]int{}
	for _, want := range c.opts.Promise.Images {
		keys[keyOf(want.Platform)]++
	}
	has := keyOf(i.platform)
	for _, want := range c.opts.Promise.Images {
		key := keyOf(want.Platform)
		if want.Stage && want.matches(i, key, has, keys[key] == 1) {
			return true
		}
	}
	return false
}
