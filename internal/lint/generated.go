package lint

import (
	"path"
	"strings"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/rules"
)

// Names of the files in the output folder of bin/generate.
const (
	buildDockerfile = "build.Dockerfile"
	runDockerfile   = "run.Dockerfile"
	configFile      = "extend-config.toml"
	sharedContext   = "context"
	buildContext    = "context.build"
	runContext      = "context.run"
)

// maxDockerfile is the size of the largest Dockerfile that is read, because
// parsing takes superlinear time.
const maxDockerfile = 256 << 10

// checkPlan checks the static plan, which is used if there is no bin/detect.
func (c *checker) checkPlan() error {
	if c.has(detectFile) {
		return nil
	}
	f, data, ok, err := c.text(detectDir+"/plan.toml", extension.MaxSize, rules.PlanTOML)
	if ok {
		c.list = append(c.list, extension.ParsePlan(c.at(f).File, data)...)
	}
	return err
}

// checkGenerated checks what a lifecycle reads in the output folder of
// bin/generate, or in the static folder generate.
func (c *checker) checkGenerated(dir string) error {
	f, data, ok, err := c.text(path.Join(dir, configFile), extension.MaxSize, rules.ConfigTOML)
	if err != nil {
		return err
	}
	if ok {
		c.list = append(c.list, extension.ParseExtendConfig(c.at(f).File, data)...)
	}
	for _, name := range []string{runDockerfile, buildDockerfile} {
		f, data, ok, err := c.text(path.Join(dir, name), maxDockerfile, rules.DockerfileSyntax)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		context := c.contextOf(dir, name)
		d := dockerfileChecker{
			name: name, run: name == runDockerfile, pos: c.at(f), data: data, minor: c.minor(), list: &c.list,
			inContext: context,
		}
		d.check()
	}
	c.checkContexts(dir)
	c.checkSBOM(dir)
	return nil
}

// contextOf returns a function that reports whether a source is in the context
// folder of a Dockerfile, or nil if that is the application's folder.
func (c *checker) contextOf(dir, name string) func(source string) bool {
	own := buildContext
	if name == runDockerfile {
		own = runContext
	}
	for _, folder := range []string{own, sharedContext} {
		root := path.Join(dir, folder)
		if !c.isDir(root) {
			continue
		}
		return func(source string) bool {
			if !strings.ContainsAny(source, "*?[") {
				return c.has(path.Join(root, path.Join("/", source)))
			}
			pattern := path.Join(root, path.Join("/", source))
			for name := range c.Files {
				if ok, err := path.Match(pattern, name); ok || err != nil {
					return true
				}
			}
			return false
		}
	}
	return nil
}

func (c *checker) checkContexts(dir string) {
	if !c.isDir(path.Join(dir, sharedContext)) {
		return
	}
	for _, name := range []string{buildContext, runContext} {
		if f, ok := c.find(path.Join(dir, name)); ok && f.Mode.IsDir() {
			c.report(rules.ContextConflict, c.at(f), "%s is next to context, which is for both images", name)
		}
	}
}

// checkSBOM finds the files that buildpacks write (Buildpack Interface
// Specification, "Software-Bill-of-Materials").
func (c *checker) checkSBOM(dir string) {
	for _, base := range []string{"launch", "build", "store"} {
		for _, format := range []string{"cdx", "spdx", "syft"} {
			if f, ok := c.find(path.Join(dir, base+".sbom."+format+".json")); ok {
				c.report(rules.SBOM, c.at(f), "extensions may not write SBOM files")
			}
		}
	}
}
