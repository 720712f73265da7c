package extension

// Entry points that the lifecycle runs, and the folders that it reads without
// them (Image Extension Specification, "Detection" and "Generation").
const (
	DetectFile   = "bin/detect"
	GenerateFile = "bin/generate"
	DetectDir    = "detect"
	GenerateDir  = "generate"
)

// EntryPoints returns the files that the lifecycle runs.
func EntryPoints() []string { return []string{DetectFile, GenerateFile} }
