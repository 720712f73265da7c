package daemon

import (
	"context"
	"time"

	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/text"
)

// findTimeout limits how long an engine may take to answer.
const findTimeout = 10 * time.Second

// Saver saves images of an engine as OCI layouts, each once.
type Saver struct {
	// API returns the engine.
	API func() Source
	// NewDir returns the path of a directory that does not exist.
	NewDir func() string
	// Log is called before an image is copied, since that may take long.
	Log func(format string, args ...any)

	saved map[string]string // directories by the ID of the image
}

// Layout returns an OCI layout with the image of a name. ok is false if the
// engine has none, or if no engine responds.
func (s *Saver) Layout(ctx context.Context, name string) (dir string, ok bool, err error) {
	api := s.API()
	finding, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	image, ok := Find(finding, api, name)
	if !ok || s.saved[image.ID] != "" {
		return s.saved[image.ID], ok, context.Cause(ctx)
	}
	s.Log("%s cannot be pulled; copying that of the Docker Engine (%s, %s)", name, platform.Format(image.Platform), text.Size(image.Size))
	if dir = s.NewDir(); s.saved == nil {
		s.saved = map[string]string{}
	}
	if err := image.Save(ctx, api, dir); err != nil {
		return "", false, err
	}
	s.saved[image.ID] = dir
	return dir, true, nil
}
