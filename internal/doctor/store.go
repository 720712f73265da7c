package doctor

import (
	"fmt"
	"strings"

	"github.com/extpack/extpack/internal/buildx"
)

// snapshotter is a label of nodes with the containerd image store. Without it,
// the docker driver supports neither OCI export nor multi-platform builds.
const snapshotter = "org.mobyproject.buildkit.worker.snapshotter"

const storeFix = `set {"features": {"containerd-snapshotter": true}} in the engine's daemon.json and restart it, or ` + ensureHint

// checkStore checks the image store of a Docker Engine. Only what is exported
// as an image needs the containerd store; copied directories do not.
func (e *examination) checkStore(n buildx.Node) Check {
	if store, ok := n.Labels[snapshotter]; ok {
		return Check{Name: "image-store", Subject: n.Name, State: OK, Message: fmt.Sprintf("the engine uses the containerd image store (%s)", store)}
	}
	c := Check{Name: "image-store", Subject: n.Name}
	if needs := e.exported(); len(needs) > 0 {
		e.broken = true
		c.State, c.Fix = Error, storeFix
		c.Message = "the engine does not use the containerd image store, which is needed for " + strings.Join(needs, ", ")
		return c
	}
	e.onlyCopies = true
	c.State, c.Fix = Warning, storeFix
	c.Message = "the engine does not use the containerd image store: static extensions do not need it; build stages, attestations, caches, --set and --smoke do"
	if len(e.Extensions) > 0 {
		c.State, c.Fix = OK, ""
	}
	return c
}

// exported returns what is built as an image: extensions, each with the reason.
func (e *examination) exported() (needs []string) {
	for _, x := range e.Extensions {
		switch {
		case x.Compiles:
			needs = append(needs, "the build stage of "+x.Name)
		case x.Smoke:
			needs = append(needs, "--smoke with "+x.Name)
		case !x.Copied:
			needs = append(needs, "the caches or unusual files of "+x.Name)
		}
	}
	return needs
}

// copiesAll reports whether the builder exports no image.
func (e *examination) copiesAll() bool {
	if len(e.Extensions) == 0 {
		return e.onlyCopies
	}
	return len(e.exported()) == 0
}
