package layer

import (
	"fmt"
	"strconv"

	"github.com/extpack/extpack/internal/choice"
)

// Compression is a compression of layers. The zero value is gzip at its default
// level, which every reader of packages supports.
type Compression struct {
	// Name is [Gzip], [Zstd] or empty.
	Name string
	// Level is the level if HasLevel is set.
	Level    int
	HasLevel bool
}

// Compressions are the names of compressions that layers can be written with.
var Compressions = []string{Gzip, Zstd}

// maxLevels are the highest levels, as in BuildKit.
var maxLevels = map[string]int{Gzip: 9, Zstd: 22}

// Zstd reports whether the compression is zstd.
func (c Compression) Zstd() bool { return c.Name == Zstd }

// Check returns an error for an unknown compression or level.
func (c Compression) Check() error {
	name := c.name()
	highest, ok := maxLevels[name]
	if !ok {
		return choice.Check("compression", name, Compressions...)
	}
	if c.HasLevel && (c.Level < 0 || c.Level > highest) {
		return fmt.Errorf("compression level %d is not supported: %s has 0 to %d", c.Level, name, highest)
	}
	return nil
}

func (c Compression) name() string {
	if c.Name == "" {
		return Gzip
	}
	return c.Name
}

// Attributes returns the compression as attributes of an output of buildx.
func (c Compression) Attributes() string {
	text := "compression=" + c.name()
	if c.HasLevel {
		text += ",compression-level=" + strconv.Itoa(c.Level)
	}
	return text
}
